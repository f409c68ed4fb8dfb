"""The process that operations of Python plugins are forked from.

    python -u reify_zygote.py FD MODE

FD is a socket of packets to the executor. MODE is "warm": the published package is imported once and every operation
is a fork; "flow": the same for workflows; or "bare": nothing is imported and every fork is replaced by a program.

Request: {"id": N, "launch": FILE} with the descriptors of the output and, for workflows, of a channel. FILE holds what
is too large for a packet: {"env": {}, "cwd": PATH, "entry": "operation" | "workflow" | "program", "args": []}.
Answers: {"ready": VERSION} or {"broken": TEXT} once, then {"id": N, "pid": P} and {"id": N, "rc": R} for each request.

This process never runs code of a plugin itself. It stays single threaded, because it forks. When the executor is gone,
which closes the socket, every process that was started here is killed with its group.
"""
import array
import ctypes
import errno
import gc
import json
import os
import select
import signal
import socket
import sys

PACKET = 64 * 1024
PR_SET_PDEATHSIG = 1


def death_signal():
    """Returns a function that makes the calling process die with its parent; on systems without it, one that does
    nothing."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (AttributeError, OSError):
        return lambda: None
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Zygote(object):
    def __init__(self, sock):
        self.sock = sock
        self.children = {}
        self.die_with_parent = death_signal()
        self.wake, self.waker = os.pipe()
        for fd in (self.wake, self.waker):
            os.set_blocking(fd, False)
        self.poll = select.poll()
        self.poll.register(self.sock, select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)

    def tell(self, **message):
        try:
            self.sock.send(json.dumps(message).encode('utf-8'))
        except OSError as e:
            if e.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise

    def serve(self):
        """Returns the launch of a child in that child, and None in this process when the executor is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker)
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.wake:
                    self.drain()
                    self.reap()
                    continue
                data, fds = self.receive()
                if not data:
                    self.end_all()
                    return None
                launch = self.fork(json.loads(data.decode('utf-8')), fds)
                if launch is not None:
                    return launch

    def drain(self):
        try:
            while os.read(self.wake, 512):
                pass
        except BlockingIOError:
            pass

    def receive(self):
        size = array.array('i').itemsize
        try:
            data, extra, _, _ = self.sock.recvmsg(PACKET, socket.CMSG_LEN(4 * size))
        except OSError as e:
            if e.errno in (errno.ECONNRESET, errno.ENOTCONN):
                return b'', []
            raise
        fds = array.array('i')
        for level, kind, content in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[:len(content) - len(content) % size])
        return data, list(fds)

    def fork(self, request, fds):
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as e:
            self.tell(id=request['id'], rc=-1, error=str(e))
            for fd in fds:
                os.close(fd)
            return None
        if pid == 0:
            return self.become(parent, request, fds)
        try:
            os.setpgid(pid, pid)
        except OSError:
            # The child was faster, or has even ended.
            pass
        for fd in fds:
            os.close(fd)
        self.children[pid] = request['id']
        self.tell(id=request['id'], pid=pid)
        return None

    def reap(self):
        while self.children:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            rc = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            cpu = int((usage.ru_utime + usage.ru_stime) * 1e6)
            request = self.children.pop(pid, None)
            if request is not None:
                self.tell(id=request, rc=rc, cpu_us=cpu)

    def end_all(self):
        for pid in self.children:
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                pass

    def become(self, parent, request, fds):
        """Makes this fork look like a process that was started by itself."""
        try:
            os.setpgid(0, 0)
        except OSError:
            pass
        self.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.sock.close()
        os.close(self.wake)
        os.close(self.waker)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(fds[0], 1)
        os.dup2(fds[0], 2)
        os.close(fds[0])
        with open(request['launch']) as f:
            launch = json.load(f)
        os.unlink(request['launch'])
        launch['channel'] = None
        if len(fds) > 1:
            launch['channel'] = fds[1]
            os.set_inheritable(fds[1], True)
            launch['env']['REIFY_WORKFLOW_CHANNEL'] = str(fds[1])
        os.chdir(launch['cwd'])
        return launch


def replace(launch):
    """Puts a program in the place of this fork."""
    args = launch['args']
    try:
        os.execve(args[0], args, launch['env'])
    except OSError as e:
        os.write(2, '{0}: {1}\n'.format(args[0], e.strerror).encode('utf-8'))
        os._exit(127)


def adopt(launch):
    """Gives this fork the environment and the arguments of the operation."""
    os.environ.clear()
    os.environ.update(launch['env'])
    import tempfile
    tempfile.tempdir = None
    sys.path[0] = os.getcwd()
    sys.argv = launch['args']


def preload(mode):
    """Imports what the forks need, and no more: each fork pays at its end for every module that is loaded."""
    import cloudify.dispatch  # noqa: F401
    if mode == 'flow':
        import cloudify.workflows.workflow_context  # noqa: F401
        import script_runner.tasks  # noqa: F401
        import reify_workflow  # noqa: F401


def main():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    zygote = Zygote(sock)
    if sys.argv[2] != 'bare':
        try:
            preload(sys.argv[2])
        except Exception as e:
            zygote.tell(broken='{0}: {1}'.format(type(e).__name__, e))
            return
        import threading
        if threading.active_count() != 1:
            zygote.tell(broken='importing the package started a thread')
            return
        if hasattr(gc, 'freeze'):
            gc.collect()
            gc.freeze()
    zygote.tell(ready='.'.join(str(n) for n in sys.version_info[:3]))
    launch = zygote.serve()
    if launch is None:
        return
    del zygote
    if launch['entry'] == 'program':
        replace(launch)
    adopt(launch)
    if launch['entry'] == 'workflow':
        import reify_workflow
        reify_workflow.main()
    else:
        import cloudify.dispatch
        cloudify.dispatch.main()


if __name__ == '__main__':
    main()
