package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/store"
)

// childVariable makes the test binary a process that appends updates to the store in the directory it names, and prints
// the name of each update after it was acknowledged.
const childVariable = "REIFY_TEST_STORE_CHILD"

func child(dir string) {
	s, err := Open(context.Background(), dir+"/store.db", Options{})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	var output sync.Mutex
	for c := range 8 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d", c, i)
				err := s.Update(context.Background(), func(tx store.Tx) error { return tx.SetValue(name, name) })
				output.Lock()
				if err != nil {
					fmt.Println("update:", err)
					os.Exit(1)
				}
				fmt.Println(name)
				output.Unlock()
			}
		}()
	}
	select {}
}

func TestAcknowledgedUpdatesSurviveKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for run := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if strings.Contains(lines.Text(), ":") {
				t.Fatalf("run %d: %s", run, lines.Text())
			}
			acknowledged[lines.Text()] = true
			if n == 200*(run+1) {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		s := openTest(t, dir)
		err = s.View(t.Context(), func(r store.Reader) error {
			for name := range acknowledged {
				if value, err := r.Value(name); err != nil || value != name {
					t.Errorf("update %s was acknowledged and is lost (%v)", name, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged updates survived", len(acknowledged))
}
