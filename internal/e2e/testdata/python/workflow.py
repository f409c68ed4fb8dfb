from cloudify.workflows import ctx

for instance in ctx.node_instances:
    ctx.logger.info('script saw %s', instance.node_id)
