import time

from cloudify.decorators import workflow
from cloudify.workflows import api, ctx
from cloudify.workflows.tasks import HandlerResult
from cloudify.workflows.tasks_graph import forkjoin, make_or_get_graph

LIFE = 'cloudify.interfaces.lifecycle.'


@workflow
def plain(value, **_):
    for i in ctx.node_instances:
        result = i.execute_operation(LIFE + 'create', kwargs={'value': value}).get()
        ctx.logger.info('result %s', result)
        i.set_state('configured').get()
    ctx.send_event('half way')
    local = ctx.local_task(lambda: 5, name='local').get()
    return local


@make_or_get_graph
def life(ctx, **_):
    graph = ctx.graph_mode()
    for i in ctx.node_instances:
        sequence = graph.subgraph('life_' + i.node_id).sequence()
        sequence.add(i.set_state('creating'), i.send_event('about to begin'), i.execute_operation(LIFE + 'create'),
                     forkjoin(i.execute_operation(LIFE + 'start'), i.send_event('beside')), i.set_state('started'))
    return graph


@workflow(resumable=True)
def stored(**_):
    life(ctx, name='life').execute()


@workflow
def gated(**_):
    """Is not resumable."""
    for i in ctx.node_instances:
        i.execute_operation(LIFE + 'start').get()


@make_or_get_graph
def stops(ctx, **_):
    graph = ctx.graph_mode()
    sequence = graph.sequence()
    for i in ctx.node_instances:
        sequence.add(i.execute_operation(LIFE + 'stop'))
    return graph


@workflow(resumable=True)
def needy(**_):
    stops(ctx, name='stops').execute()


@workflow
def broken(**_):
    raise ValueError('wrong ' + 'value')


def ignore(task):
    ctx.logger.info('ignored %s', task.name)
    return HandlerResult.ignore()


def note(task):
    ctx.logger.info('noted %s', task.name)
    return HandlerResult.cont()


@workflow
def handled(**_):
    graph = ctx.graph_mode()
    for i in ctx.node_instances:
        sub = graph.subgraph('handled_' + i.node_id)
        sub.on_failure = ignore
        sub.add_task(i.execute_operation(LIFE + 'stop'))
        after = i.execute_operation(LIFE + 'create')
        after.on_success = note
        graph.add_task(after)
        graph.add_dependency(after, sub)
    graph.execute()


@workflow
def cycle(**_):
    graph = ctx.graph_mode()
    tasks = [i.execute_operation(LIFE + 'create') for i in ctx.node_instances]
    for task in tasks:
        graph.add_task(task)
    graph.add_dependency(tasks[0], tasks[1])
    graph.add_dependency(tasks[1], tasks[0])
    graph.execute()


@workflow
def endless(**_):
    while not api.has_cancel_request():
        time.sleep(0.05)
    ctx.logger.info('heard it')
    raise api.ExecutionCancelled()


@workflow
def deaf(**_):
    time.sleep(1000)
