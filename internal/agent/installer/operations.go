package installer

import (
	"context"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// Exit codes of the installation script that say more than that it failed.
const (
	exitMissing  = 64
	exitNoBash   = 127
	scriptOnHost = "install.sh"
)

// create brings the agent onto the host, or notes what will be known of an agent that the host installs by itself.
func (w *work) create(ctx context.Context) error {
	if w.method != methodRemote {
		if err := w.register(ctx, "creating"); err != nil {
			return err
		}
		return w.noteAgent(ctx, client.AgentScript{Name: w.name, Dir: w.dir}, "")
	}
	h, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	s, err := w.api.MakeAgentScript(ctx, w.name, w.params(w.op.Message.Context.NodeID))
	if err != nil {
		return err
	}
	w.version = s.Version
	if err := w.register(ctx, "creating"); err != nil {
		return err
	}
	if err := h.install(s.Script); err != nil {
		return w.fail(ctx, err)
	}
	if err := w.noteAgent(ctx, s, h.key); err != nil {
		return err
	}
	ok, err := w.await(ctx, w.address(), answerWait, nil)
	if err != nil {
		return err
	}
	if !ok {
		return w.fail(ctx, fmt.Errorf("agent %s was installed on host %s but does not answer after %s; the end of its log: %s", w.name, w.ip,
			answerWait, h.log(s.Dir)))
	}
	w.logf("info", "Agent %s of version %s runs on %s", w.name, w.version, w.ip)
	return w.state(ctx, "started")
}

// fail notes that the agent has failed; the failure itself is what the operation ends with.
func (w *work) fail(ctx context.Context, why error) error {
	if err := w.state(ctx, "failed"); err != nil {
		w.Log.Warn("note the state of an agent", "agent", w.name, "error", err)
	}
	return why
}

// install runs the installation script on the host.
func (h *host) install(text string) error {
	where := "mktemp -d"
	if h.w.tempDir != "" {
		where = "mktemp -d -p " + quote(h.w.tempDir)
	}
	dir, code, err := h.run("umask 077; d=$("+where+") && cat > \"$d/"+scriptOnHost+"\" && echo \"$d\"", text)
	if err != nil {
		return err
	}
	if code != 0 {
		return h.refused("upload the installation script", code, dir)
	}
	dir = lastLine(dir)
	defer func() {
		if _, _, err := h.run("rm -rf "+quote(dir), ""); err != nil {
			h.w.Log.Debug("remove the installation script", "host", h.w.target(), "error", err)
		}
	}()
	command, stdin := h.asRoot("bash " + quote(dir+"/"+scriptOnHost))
	out, code, err := h.run(command, stdin)
	if err != nil {
		return err
	}
	if code != 0 {
		return h.refused("install the agent", code, out)
	}
	return nil
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }

// refused is the failure of a command on the host; what another attempt would not change is not repeated.
func (h *host) refused(what string, code int, out string) error {
	message := fmt.Sprintf("Host %s could not %s (exit code %d): %s", h.w.target(), what, code, out)
	if code == exitMissing || code == exitNoBash || strings.Contains(out, "No space left on device") ||
		strings.Contains(out, "Read-only file system") || strings.Contains(out, "password is required") ||
		strings.Contains(out, "not in the sudoers") || strings.Contains(out, "sudo: command not found") {
		return nonRecoverable("%s", message)
	}
	return fmt.Errorf("%s", message)
}

// log is the end of the agent's log.
func (h *host) log(dir string) string {
	command, stdin := h.asRoot("tail -n 20 " + onHost(dir) + "/logs/agent.log")
	out, _, err := h.run(command, stdin)
	if err != nil {
		return err.Error()
	}
	return out
}

// onHost is a directory as a word of the shell, in which a leading ~ means a home.
func onHost(dir string) string {
	if home, rest, ok := strings.Cut(dir, "/"); ok && strings.HasPrefix(home, "~") {
		return home + quote("/"+rest)
	}
	return quote(dir)
}

// noteAgent keeps what others have to know of the agent (operations, section 7.1).
func (w *work) noteAgent(ctx context.Context, s client.AgentScript, hostKey string) error {
	entry := map[string]any{
		"name": s.Name, "queue": s.Name, "tenant": string(w.op.Message.Context.Tenant.Name), "install_method": w.method,
		"node_instance_id": string(w.op.Message.Context.NodeID),
	}
	for key, value := range map[string]string{
		"ip": w.ip, "user": w.user, "agent_dir": s.Dir, "version": s.Version, "host_key": hostKey, "manager_url": s.Manager,
	} {
		if value != "" {
			entry[key] = value
		}
	}
	return w.note(ctx, func(p model.Document) {
		if old, ok := p[record].(map[string]any); ok {
			for key, value := range old {
				if _, known := entry[key]; !known {
					entry[key] = value
				}
			}
		}
		p[record] = entry
	})
}

// start waits for an agent that its host installs.
func (w *work) start(ctx context.Context) error {
	if err := w.state(ctx, "starting"); err != nil {
		return err
	}
	ok, err := w.await(ctx, w.address(), startWait, func() error {
		w.logf("warning", "Agent %s has not answered for %s", w.name, complainAfter)
		return w.state(ctx, "nonresponsive")
	})
	switch {
	case err != nil:
		return err
	case !ok:
		return w.fail(ctx, nonRecoverable("Agent %s did not start in %d seconds", w.name, int(startWait.Seconds())))
	}
	return w.state(ctx, "started")
}

// control runs a verb of the agent's program on the host. A program that is not there has nothing to be done with.
func (w *work) control(ctx context.Context, dir string, verbs ...string) error {
	h, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	for _, verb := range verbs {
		command, stdin := h.asRoot("sh -c " + quote(fmt.Sprintf("d=%s; test ! -x \"$d/bin/reify-agent\" || exec \"$d/bin/reify-agent\" %s --config \"$d/agent.json\"",
			onHost(dir), verb)))
		out, code, err := h.run(command, stdin)
		if err != nil {
			return err
		}
		if code != 0 {
			return h.refused(verb+" the agent", code, out)
		}
	}
	return nil
}

func (w *work) stop(ctx context.Context) error {
	if w.method != methodRemote || !w.isInstalled {
		return nil
	}
	if err := w.state(ctx, "stopping"); err != nil {
		return err
	}
	if err := w.control(ctx, w.dir, "stop"); err != nil {
		return err
	}
	return w.state(ctx, "stopped")
}

func (w *work) restart(ctx context.Context) error {
	if w.method != methodRemote || !w.isInstalled {
		return nil
	}
	if err := w.state(ctx, "restarting"); err != nil {
		return err
	}
	if err := w.control(ctx, w.dir, "stop", "start"); err != nil {
		return err
	}
	return w.state(ctx, "restarted")
}

// delete takes the agent away: from the host when the manager brought it there, and its account in any case.
func (w *work) delete(ctx context.Context) error {
	if err := w.state(ctx, "deleting"); err != nil {
		return err
	}
	if w.method == methodRemote && w.isInstalled {
		for _, dir := range []string{w.replaced, w.dir} {
			if dir == "" {
				continue
			}
			if err := w.control(ctx, dir, "remove"); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{w.replacedName, w.name} {
		if name == "" {
			continue
		}
		if err := w.api.RevokeAgent(ctx, name); err != nil && !isMissing(err) {
			return err
		}
	}
	err := w.note(ctx, func(p model.Document) {
		delete(p, record)
		delete(p, oldRecord)
	})
	if err != nil {
		return err
	}
	return w.state(ctx, "deleted")
}
