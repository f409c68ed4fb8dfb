package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// deliberate are the cases that we want to differ from their recording, with the reason and the digest of the one way in
// which they may differ; docs/compat/workflows.md says more. A case that differs otherwise, or no more, fails.
var deliberate = map[string]wanted{
	"05f-scale-out-fail": {
		reason: "a failed scale out undoes the instances that were started; the original leaves them running (workflows, section 16, 2)",
		digest: "d879404d6a8c8c93",
	},
	"07e-subgraph-retry": {
		reason: "a repeated life cycle is stopped and deleted first, from the state the instance is in; the original takes the state before the workflow (workflows, section 16, 1)",
		digest: "7f604d137c7f2271",
	},
}

// wanted is a difference that we want.
type wanted struct{ reason, digest string }

// digestOf is the digest of all problems of a case, whatever their order.
func digestOf(problems []string) string {
	sorted := slices.Sorted(slices.Values(problems))
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:8])
}

// judge separates what differs on purpose from what must not differ. It returns the problems that count, and the reason
// when the case differs on purpose in just the way that is known.
func judge(id string, problems []string) (counted []string, reason string) {
	d, isListed := deliberate[id]
	switch {
	case !isListed:
		return problems, ""
	case len(problems) == 0:
		return []string{"it is listed as a deliberate difference and does not differ any more"}, ""
	case digestOf(problems) != d.digest:
		return append([]string{fmt.Sprintf("it is listed as a deliberate difference but differs in another way than the known one: digest %s, want %s",
			digestOf(problems), d.digest)}, problems...), ""
	}
	return nil, d.reason
}
