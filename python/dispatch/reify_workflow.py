"""Runs a workflow that is Python code: the published package does everything, its graphs included, but the sending of
operations; and a graph that can never end is an error.

    python -u reify_workflow.py DIRECTORY

Operations go to the manager as lines of JSON over the descriptor in REIFY_WORKFLOW_CHANNEL:

    to the manager    {"send": ID, "target": T, "queue": Q, "kwargs": {…}}    begin an operation
                      {"await": ID, "target": T, "queue": Q, "kwargs": {…}}   its end is wanted, it was begun before
    from the manager  {"id": ID, "ok": true, "result": …} or {"id": ID, "ok": false, "error": {…}}
                      {"cancel": "cancel"} or {"cancel": "kill"}
"""
import json
import logging
import os
import socket
import sys
import threading

import cloudify.dispatch
from cloudify import exceptions
from cloudify.error_handling import deserialize_known_exception
from cloudify.state import current_workflow_ctx
from cloudify.workflows import api, tasks, tasks_graph, workflow_context

BEGUN = (tasks.TASK_SENT, tasks.TASK_STARTED, 'response-sent')


class Channel(object):
    """The connection to the manager. Answers are handled in a thread of their own, in the order of their coming."""

    def __init__(self, fd):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=fd)
        self._in = sock.makefile('r', encoding='utf-8')
        self._out = sock.makefile('w', encoding='utf-8')
        self._lock = threading.Lock()
        self._waiting = {}
        self._log = logging.getLogger('dispatch')
        self._reader = threading.Thread(target=self._read, name='Workflow-Channel')
        self._reader.daemon = True

    def start(self):
        self._reader.start()

    def ask(self, what, task, target, queue):
        line = json.dumps({what: str(task.id), 'target': target, 'queue': queue, 'kwargs': task.kwargs})
        with self._lock:
            self._out.write(line + '\n')
            self._out.flush()

    def expect(self, task):
        with self._lock:
            self._waiting[str(task.id)] = task

    def _read(self):
        for line in self._in:
            try:
                self._handle(json.loads(line))
            except Exception:
                self._log.exception('handle %s', line)

    def _handle(self, message):
        if 'cancel' in message:
            if message['cancel'] == 'kill':
                api.set_kill_request()
            else:
                api.set_cancel_request()
            return
        with self._lock:
            task = self._waiting.pop(message['id'], None)
        if task is None or task.is_terminated:
            return
        with current_workflow_ctx.push(task.workflow_context):
            self._end(task, message)

    @staticmethod
    def _end(task, message):
        if message['ok']:
            task.set_state(tasks.TASK_SUCCEEDED, result=message.get('result'))
            task.async_result.result = message.get('result')
            return
        task.error = message['error']
        error = deserialize_known_exception(message['error'])
        state = tasks.TASK_FAILED
        if isinstance(error, exceptions.OperationRetry):
            state = tasks.TASK_RESCHEDULED
        task.set_state(state, exception=error)
        task.async_result.result = error


class Dispatcher(object):
    """Stands in for the dispatcher of the package, which needs a message broker."""

    def __init__(self, channel):
        self._channel = channel

    def send_task(self, task, target, queue):
        self._channel.ask('send', task, target, queue)

    def wait_for_result(self, task, target):
        self._channel.expect(task)
        if task.get_state() in BEGUN:
            self._channel.ask('await', task, target, task.queue)

    def cleanup(self):
        pass


def refuse_cycles(execute):
    """Makes a graph whose tasks wait for each other an error; the package would wait for ever."""
    def checked(self):
        stuck = set(self.tasks) - set(self.linearize())
        if stuck:
            names = sorted(task.short_description for task in stuck)
            raise exceptions.NonRecoverableError('The task graph has a cycle: these tasks wait for each other, or for tasks '
                                                 'that do: {0}'.format(', '.join(names[:10])))
        return execute(self)
    return checked


def main():
    handler = workflow_context.RemoteContextHandler
    if not hasattr(handler, '_prepare_dispatcher'):
        raise SystemExit('this version of cloudify-common has no place for another dispatcher')
    channel = Channel(int(os.environ.pop('REIFY_WORKFLOW_CHANNEL')))
    channel.start()

    def prepare(self):
        self._dispatcher = Dispatcher(channel)

    handler._prepare_dispatcher = prepare
    tasks_graph.TaskDependencyGraph.execute = refuse_cycles(tasks_graph.TaskDependencyGraph.execute)
    cloudify.dispatch.main()


if __name__ == '__main__':
    sys.path[0] = os.getcwd()
    main()
