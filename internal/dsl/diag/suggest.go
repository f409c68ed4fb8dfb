package diag

import (
	"sort"
	"strings"
)

// Closest gives the candidate most like name by edit distance, empty when none
// is near enough to be what was meant.
func Closest(name string, candidates []string) string {
	best, bestDistance := "", 1+(len(name)+2)/3
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	for _, c := range sorted {
		if d := distance(strings.ToLower(name), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" {
		return best
	}
	// A name without its prefix is a common slip: Compute for cloudify.nodes.Compute.
	for _, c := range sorted {
		if len(name) > 2 && strings.HasSuffix(strings.ToLower(c), "."+strings.ToLower(name)) {
			return c
		}
	}
	return ""
}

// DidYouMean gives a sentence that proposes the closest candidate, or nothing.
func DidYouMean(name string, candidates []string) string {
	if c := Closest(name, candidates); c != "" {
		return "Did you mean \"" + c + "\"?"
	}
	return ""
}

// maxNames bounds how many known names a detail lists.
const maxNames = 12

// Names lists what is known, shortened when long.
func Names(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	if len(sorted) > maxNames {
		return strings.Join(sorted[:maxNames], ", ") + ", …"
	}
	return strings.Join(sorted, ", ")
}

// distance is the number of edits (insert, delete, replace, swap of
// neighbours) from a to b, given up beyond limit.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) >= limit {
		return limit
	}
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
