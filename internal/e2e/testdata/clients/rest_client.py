"""Drive every resource client of the original's Python REST client against a manager.

    rest_client.py HOST PORT PASSWORD BLUEPRINT

The client is the unmodified cloudify-common. Each part of this program uses one of its resource clients and checks what
comes back. Parts on the list NOT_YET use what the manager does not have yet: they must fail, so that the list shrinks.
The exit code is 0 when every part did as it should.
"""

import datetime
import json
import os
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile

from cloudify_rest_client import CloudifyClient
from cloudify_rest_client.audit_log import AuditLogClient
from cloudify_rest_client.exceptions import CloudifyClientError

# Parts whose resource the manager does not have yet. Take them off when they work.
NOT_YET = {
    "agents",
    "auditlog",
    "deployment_groups",
    "deployment_workdir",
    "execution_groups",
    "execution_schedules",
    "inter_deployment_dependencies",
    "log_bundles",
    "maintenance_mode",
    "plugins",
    "plugins_update",
    "secrets_providers",
    "secrets_share",
    "snapshots",
    "writing_graphs",
}

PARTS = {}
PASSWORD = "passw0rd"


def part(function):
    """Register a part under the name of its function."""
    PARTS[function.__name__] = function
    return function


class World:
    """What the parts share: the client and, made on demand, a blueprint and deployments of it."""

    def __init__(self, host, port, password, blueprint):
        self.host, self.port, self.blueprint_path = host, port, blueprint
        self.client = self.login("admin", password)
        self.made = 0
        self.uploaded = None
        self.running = None

    def login(self, username, password, tenant="default_tenant"):
        return CloudifyClient(
            host=self.host, port=self.port, protocol="http", username=username, password=password, tenant=tenant)

    def unused(self, prefix):
        self.made += 1
        return "%s-%d" % (prefix, self.made)

    def blueprint(self):
        """The id of a blueprint that nobody changes."""
        if self.uploaded is None:
            self.uploaded = self.upload()
        return self.uploaded

    def upload(self):
        blueprint = self.unused("bp")
        self.client.blueprints.upload(self.blueprint_path, blueprint)
        return blueprint

    def deploy(self, **inputs):
        deployment = self.unused("dep")
        self.client.deployments.create(self.blueprint(), deployment, inputs=inputs)
        return deployment

    def installed(self):
        """The id of an installed deployment that nobody changes."""
        if self.running is None:
            deployment = self.deploy()
            self.execute(deployment, "install")
            self.running = deployment
        return self.running

    def execute(self, deployment, workflow, want="terminated", **how):
        execution = self.client.executions.start(deployment, workflow, **how)
        self.wait(execution.id, want)
        return execution.id

    def wait(self, execution, *want):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = self.client.executions.get(execution)
            if found.status in want:
                return found
            if found.status in ("terminated", "failed", "cancelled"):
                break
            time.sleep(0.05)
        raise AssertionError("execution %s is %s, want %s: %s" % (execution, found.status, want, found.error))


def equal(got, want):
    assert got == want, "got %r, want %r" % (got, want)


def refused(code, status, call, *args, **kwargs):
    """Check that a call is refused with an error code and a status."""
    try:
        call(*args, **kwargs)
    except CloudifyClientError as e:
        equal((e.error_code, e.status_code), (code, status))
        assert str(e), "the error has no message"
        return
    raise AssertionError("%s%r was not refused" % (call.__qualname__, args))


def ids(items):
    return sorted(item["id"] for item in items)


# --- the system


@part
def manager(w):
    m = w.client.manager
    status = m.get_status()
    equal(status["status"], "OK")
    assert all(s["status"] == "Active" for s in status["services"].values()), status
    assert m.get_version()["version"]
    assert [c for c in m.get_config() if c.name == "max_workers"], "the configuration lacks max_workers"
    refused("ambiguous_name", 409, m.get_config, name="max_workers")
    equal({c.scope for c in m.get_config(scope="agent")}, {"agent"})
    old = m.get_config(name="account_lock_period").value
    equal(m.put_config("account_lock_period", 7).value, 7)
    equal(m.get_config(name="account_lock_period").value, 7)
    m.put_config("account_lock_period", old)
    managers = m.get_managers()
    equal(len(managers), 1)
    equal(len(m.get_managers(hostname=managers[0].hostname)), 1)
    equal(len(m.get_brokers()), 1)
    equal(len(m.get_db_nodes()), 1)
    equal(len(m.update_db_nodes()), 1)
    equal(m.get_context()["name"], "provider")
    refused("missing_premium_package_error", 404, m.add_broker, "b2", "10.0.0.9")
    refused("missing_premium_package_error", 404, m.remove_broker, "b2")
    refused("missing_premium_package_error", 404, m.remove_manager, managers[0].hostname)


@part
def cluster_status(w):
    equal(w.client.cluster_status.get_status()["status"], "OK")
    equal(w.client.cluster_status.get_status(summary_format=True)["services"], {})


@part
def idp(w):
    equal(w.client.idp.get(), "local")


@part
def ldap(w):
    equal(w.client.ldap.get_status(), "disabled")


@part
def license(w):
    w.client.license.check()
    refused("missing_premium_package_error", 404, w.client.license.list)


@part
def community_contacts(w):
    refused("community_only_error", 404, w.client.community_contacts.create, "A", "B", "a@b.c", "1", True)


@part
def maintenance_mode(w):
    m = w.client.maintenance_mode
    equal(m.status().status, "deactivated")
    assert m.activate().status in ("activating", "activated")
    m.deactivate()
    equal(m.status().status, "deactivated")


# --- people


@part
def users(w):
    u, name = w.client.users, w.unused("user")
    equal(u.get_self().username, "admin")
    equal(u.create(name, PASSWORD, "default").username, name)
    refused("conflict_error", 409, u.create, name, PASSWORD, "default")
    assert name in [x.username for x in u.list(_get_data=True)]
    equal([x.username for x in u.list(_search=name)], [name])
    equal(u.set_role(name, "sys_admin").role, "sys_admin")
    equal(u.set_role(name, "default").role, "default")
    u.set_show_getting_started(name, False)
    equal(u.get(name)["show_getting_started"], False)
    u.set_password(name, "other-passw0rd")
    equal(w.login(name, "other-passw0rd", tenant=None).users.get_self().username, name)
    refused("unauthorized_error", 401, w.login(name, PASSWORD).users.get_self)
    equal(u.deactivate(name).active, False)
    refused("unauthorized_error", 401, w.login(name, "other-passw0rd").users.get_self)
    equal(u.activate(name).active, True)
    u.unlock(name)
    u.delete(name)
    refused("not_found_error", 404, u.get, name)


@part
def user_groups(w):
    g, name, user = w.client.user_groups, w.unused("group"), w.unused("user")
    w.client.users.create(user, PASSWORD, "default")
    equal(g.create(name, "default").name, name)
    equal(g.add_user(user, name).users, 1)
    equal(g.get(name, _get_data=True).users, [user])
    assert name in [x.name for x in g.list()]
    equal(g.set_role(name, "sys_admin").role, "sys_admin")
    g.remove_user(user, name)
    equal(g.get(name, _get_data=True).users, [])
    g.delete(name)
    refused("not_found_error", 404, g.get, name)


@part
def tenants(w):
    t, name, user, group = w.client.tenants, w.unused("tenant"), w.unused("user"), w.unused("group")
    w.client.users.create(user, PASSWORD, "default")
    w.client.user_groups.create(group, "default")
    equal(t.create(name).name, name)
    assert name in [x.name for x in t.list()]
    t.add_user(user, name, "viewer")
    equal(w.login(user, PASSWORD, name).deployments.list().items, [])
    refused("forbidden_error", 403, w.login(user, PASSWORD, name).sites.create, "s")
    t.update_user(user, name, "manager")
    equal(w.login(user, PASSWORD, name).sites.create("s").name, "s")
    w.login(user, PASSWORD, name).sites.delete("s")
    assert user in t.get(name, _get_data=True).users
    t.remove_user(user, name)
    refused("forbidden_error", 403, w.login(user, PASSWORD, name).deployments.list)
    t.add_user_group(group, name, "viewer")
    t.update_user_group(group, name, "user")
    equal(t.get(name, _get_data=True).groups, {group: "user"})
    t.remove_user_group(group, name)
    t.delete(name)
    refused("forbidden_error", 403, t.get, name)


@part
def permissions(w):
    p = w.client.permissions
    assert {"role": "viewer", "permission": "site_list"} in [dict(x) for x in p.list(role="viewer")]
    p.add("site_create", "viewer")
    assert "site_create" in [x["permission"] for x in p.list(role="viewer")]
    refused("conflict_error", 409, p.add, "site_create", "viewer")
    p.delete("site_create", "viewer")
    assert "site_create" not in [x["permission"] for x in p.list(role="viewer")]
    assert len(p.list()) > len(p.list(role="viewer"))


@part
def tokens(w):
    t = w.client.tokens
    made = t.create(description="a test", expiration="+10h")
    by_token = CloudifyClient(
        host=w.host, port=w.port, protocol="http", token=made.value, tenant="default_tenant")
    equal(by_token.users.get_self().username, "admin")
    equal(t.get(made.id).description, "a test")
    assert made.value not in str(t.get(made.id)), "the secret of a token is shown again"
    assert made.id in ids(t.list())
    t.delete(made.id)
    refused("unauthorized_error", 401, by_token.users.get_self)


# --- the catalogue


@part
def secrets(w):
    s, key = w.client.secrets, w.unused("key")
    s.create(key, "one")
    equal(s.get(key).value, "one")
    refused("conflict_error", 409, s.create, key, "two")
    s.create(key, "two", update_if_exists=True)
    equal(s.get(key).value, "two")
    s.update(key, "three", is_hidden_value=True)
    equal((s.get(key).value, s.get(key).is_hidden_value), ("three", True))
    equal([x.key for x in s.list(_search=key)], [key])
    equal([x.key for x in s.list(constraints={"name_pattern": {"equals_to": key}})], [key])
    rule = {"key": "key", "values": [key], "operator": "any_of", "type": "attribute"}
    equal([x.key for x in s.list(filter_rules=[rule])], [key])
    equal(s.set_visibility(key, "global")["visibility"], "global")
    refused("illegal_action_error", 400, s.set_visibility, key, "tenant")
    s.delete(key)
    refused("not_found_error", 404, s.get, key)
    structured = w.unused("key")
    s.create(structured, {"a": [1]}, schema={"type": "object"})
    equal(s.get(structured).value, {"a": [1]})
    s.set_global(structured)
    s.delete(structured)


@part
def secrets_share(w):
    s, key = w.client.secrets, w.unused("key")
    s.create(key, "shared")
    exported = [x for x in s.export() if x["key"] == key]
    equal([x["value"] for x in exported], ["shared"])
    answer = s.import_secrets(exported, override_collisions=False)
    equal(answer["colliding_secrets"], {"default_tenant": [key]})


@part
def secrets_providers(w):
    p, name = w.client.secrets_providers, w.unused("provider")
    connection = {"url": "http://127.0.0.1:1", "token": "t", "path": "p"}
    p.create(name, "vault", connection)
    equal(p.get(name).name, name)
    assert name in [x.name for x in p.list()]
    p.update(name, "vault", dict(connection, path="q"))
    p.delete(name)


@part
def sites(w):
    s, name, other = w.client.sites, w.unused("site"), w.unused("site")
    equal(s.create(name, location="1.0,2.0").location, "1.0, 2.0")
    equal(s.get(name).name, name)
    equal([x.name for x in s.list(_search=name)], [name])
    s.update(name, location="3.0,4.0", new_name=other)
    equal(s.get(other).location, "3.0, 4.0")
    refused("bad_parameters_error", 400, s.create, name, location="nowhere")
    s.delete(other)
    refused("not_found_error", 404, s.get, other)


def check_filters(f, name):
    team = {"key": "team", "values": ["blue"], "operator": "any_of", "type": "label"}
    creator = {"key": "created_by", "values": ["admin"], "operator": "any_of", "type": "attribute"}
    equal(f.create(name, [team]).value, [team])
    equal(f.get(name).labels_filter_rules, [team])
    equal(f.update(name, [creator]).attrs_filter_rules, [creator])
    equal(len(f.get(name).value), 2)
    equal(f.update(name, new_visibility="global").visibility, "global")
    assert name in ids(f.list())
    refused("invalid_filter_rule", 400, f.create, name + "x", [dict(team, operator="sounds_like")])
    f.delete(name)
    refused("not_found_error", 404, f.get, name)


@part
def blueprints_filters(w):
    check_filters(w.client.blueprints_filters, w.unused("filter"))


@part
def deployments_filters(w):
    check_filters(w.client.deployments_filters, w.unused("filter"))


@part
def blueprints_labels(w):
    w.blueprint()
    labels = w.client.blueprints_labels
    assert "kind" in labels.list_keys().items
    equal(labels.list_key_values("kind").items, ["test"])


@part
def deployments_labels(w):
    w.deploy()
    labels = w.client.deployments_labels
    assert "team" in labels.list_keys().items
    equal(labels.list_key_values("team").items, ["blue"])
    assert "csys-obj-type" in labels.get_reserved_labels_keys()


# --- blueprints and deployments


@part
def blueprints(w):
    b, name = w.client.blueprints, w.unused("bp")
    made = b.upload(w.blueprint_path, name, labels=[{"env": "dev"}])
    equal((made.id, made.state), (name, "uploaded"))
    equal(sorted(n["name"] for n in b.get(name).plan["nodes"]), ["server", "service"])
    equal(sorted(b.get(name, _include=["id", "state"])), ["id", "state"])
    equal(ids(b.list(_search=name)), [name])
    rule = {"key": "env", "values": ["dev"], "operator": "any_of", "type": "label"}
    found = b.list(filter_rules=[rule])
    equal(ids(found), [name])
    equal(found.metadata.pagination.total, 1)
    equal(ids(b.list(constraints={"name_pattern": {"equals_to": name}})), [name])
    refused("conflict_error", 409, b.upload, w.blueprint_path, name)
    with tempfile.TemporaryDirectory() as directory:
        icon = os.path.join(directory, "icon.png")
        with open(icon, "wb") as f:
            f.write(b"\x89PNG not really")
        b.upload_icon(name, icon)
        archive = b.download(name, os.path.join(directory, "with-icon.tar.gz"))
        equal([m for m in members(archive) if m.endswith("icon.png")], ["blueprint/icon.png"])
        b.remove_icon(name)
        archive = b.download(name, os.path.join(directory, "without.tar.gz"))
        equal(members(archive), ["blueprint/blueprint.yaml", "blueprint/start.sh"])
    assert b.validate(w.blueprint_path, w.unused("check"))["upload_execution"]["id"]
    b.update(name, {"labels": [{"env": "prod"}]})
    equal([(x.key, x.value) for x in b.get(name).labels], [("env", "prod")])
    owner = w.unused("user")
    w.client.users.create(owner, PASSWORD, "default")
    b.update(name, {"creator": owner})
    equal(b.get(name).created_by, owner)
    refused("bad_parameters_error", 400, b.update, name, {"creator": "nobody-at-all"})
    equal(b.set_visibility(name, "global")["visibility"], "global")
    b.delete(name)
    refused("not_found_error", 404, b.get, name)


def members(archive):
    """The files in an archive of a blueprint."""
    with tarfile.open(archive) as tar:
        return sorted(m.name for m in tar.getmembers() if m.isfile())


@part
def deployments(w):
    d, name = w.client.deployments, w.unused("dep")
    made = d.create(
        w.blueprint(), name, inputs={"greeting": "hi"}, labels=[{"env": "dev"}], display_name="A name", visibility="private")
    equal((made.id, made.display_name, made.inputs["greeting"], made.visibility), (name, "A name", "hi", "private"))
    equal(sorted((x.key, x.value) for x in d.get(name).labels), [("env", "dev"), ("team", "blue")])
    equal(ids(d.list(_search=name)), [name])
    equal(ids(d.list(blueprint_id=w.blueprint(), id=name)), [name])
    rule = {"key": "env", "values": ["dev"], "operator": "any_of", "type": "label"}
    assert name in ids(d.list(filter_rules=[rule]))
    equal(ids(d.list(constraints={"display_name_specs": {"equals_to": "A name"}})), [name])
    assert "install" in [x.name for x in d.get(name).workflows]
    equal(d.outputs.get(name).outputs["wanted"], "hi")
    equal(d.capabilities.get(name).capabilities, {"greeting": "hi"})
    equal(d.capabilities.list(name)[0]["capabilities"], [
        {"greeting": {"value": "hi", "description": "What it was asked to say."}}])
    equal(d.capabilities.list(name, constraints={"capability_key_specs": {"contains": "nothing"}})[0]["capabilities"], [])
    equal([(g.name, g.members) for g in d.scaling_groups.list(deployment_id=name)], [("pair", ["service"])])
    equal([g.name for g in d.scaling_groups.list(blueprint_id=w.blueprint())], ["pair"])
    site = w.unused("site")
    w.client.sites.create(site)
    equal(d.set_site(name, site_name=site)["site_name"], site)
    equal(d.set_site(name, detach_site=True)["site_name"], None)
    equal(d.set_visibility(name, "tenant")["visibility"], "tenant")
    d.update_labels(name, [{"env": "prod"}])
    equal([(x.key, x.value) for x in d.get(name).labels], [("env", "prod")])
    owner = w.unused("user")
    w.client.users.create(owner, PASSWORD, "default")
    d.set_attributes(name, creator=owner)
    equal(d.get(name).created_by, owner)
    d.set_attributes(name, display_name="Another name")
    equal(d.get(name).display_name, "Another name")
    refused("conflict_error", 409, d.set_attributes, name, description="too late")
    refused("conflict_error", 409, d.create, w.blueprint(), name)
    refused("unknown_deployment_input_error", 400, d.create, w.blueprint(), name + "x", inputs={"nothing": 1})
    refused("dependent_exists_error", 400, w.client.blueprints.delete, w.blueprint())
    d.delete(name)
    gone(lambda: d.get(name))


def gone(call):
    """Wait until a call answers that there is no such thing."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            call()
        except CloudifyClientError as e:
            equal(e.status_code, 404)
            return
        time.sleep(0.05)
    raise AssertionError("it is still there")


@part
def deployment_modifications(w):
    m, deployment = w.client.deployment_modifications, w.deploy()
    w.execute(deployment, "install")
    started = m.start(deployment, nodes={"service": {"instances": 2}}, context={"why": "a test"})
    equal(started.status, "started")
    equal(len([i for i in started.node_instances.added_and_related if i.get("modification") == "added"]), 1)
    refused("existing_started_deployment_modification_error", 400, m.start, deployment, nodes={"service": {"instances": 3}})
    equal(m.finish(started.id).status, "finished")
    equal(m.get(started.id).context, {"why": "a test"})
    back = m.start(deployment, nodes={"service": {"instances": 3}})
    equal(m.rollback(back.id).status, "rolledback")
    equal(sorted(x.status for x in m.list(deployment_id=deployment)), ["finished", "rolledback"])
    equal(len(w.client.node_instances.list(deployment_id=deployment, node_id="service")), 2)


@part
def deployment_updates(w):
    u, deployment = w.client.deployment_updates, w.deploy()
    w.execute(deployment, "install")
    preview = u.update_with_existing_blueprint(deployment, inputs={"greeting": "bye"}, preview=True)
    equal(preview.state, "preview")
    equal(w.client.deployments.get(deployment).inputs["greeting"], "hello")
    update = u.update_with_existing_blueprint(deployment, inputs={"greeting": "bye"})
    w.wait(update.execution_id, "terminated")
    equal(u.get(update.id).state, "successful")
    equal(u.get(update.id).new_inputs["greeting"], "bye")
    equal(w.client.deployments.outputs.get(deployment).outputs["wanted"], "bye")
    assert update.id in ids(u.list(deployment_id=deployment))
    equal(u.finalize_commit(update.id).id, update.id)


@part
def workflows(w):
    w.blueprint()
    deployment = w.deploy()
    names = [x.name for x in w.client.workflows.list(id=deployment)]
    assert {"install", "uninstall", "scale", "heal"} <= set(names), names


# --- executions


@part
def executions(w):
    e, deployment = w.client.executions, w.deploy()
    install = w.execute(deployment, "install")
    assert e.get(install).total_operations > 0
    equal(e.get(install).status_display, "completed")
    equal(ids(e.list(deployment_id=deployment, workflow_id="install")), [install])
    assert len(e.list(deployment_id=deployment, _include_system_workflows=True)) == 2
    refused("nonexistent_workflow_error", 400, e.start, deployment, "no-such-workflow")
    refused("illegal_execution_parameters_error", 400, e.start, deployment, "heal", parameters={"nothing": 1})
    dry = e.start(deployment, "uninstall", dry_run=True)
    equal(w.wait(dry.id, "terminated").is_dry_run, True)
    equal(w.client.deployments.get(deployment).installation_status, "active")

    slow = w.deploy(pause=60)
    running = e.start(slow, "install")
    w.wait(running.id, "started")
    refused("existing_running_execution_error", 400, e.start, slow, "install")
    queued = e.start(slow, "check_status", queue=True)
    equal(queued.status, "queued")
    e.cancel(queued.id)
    e.cancel(running.id, kill=True)
    w.wait(running.id, "cancelled")

    broken = w.deploy(code=3)
    failed = w.execute(broken, "install", want="failed")
    assert e.get(failed).error
    e.resume(failed, force=True)
    w.wait(failed, "failed")

    refused("bad_parameters_error", 400, e.delete, keep_last=-1)
    equal(e.delete(to_datetime=datetime.datetime(2020, 1, 1)), 0)
    equal(e.delete(deployment_id=slow), len(["install", "check_status"]))
    equal([x.workflow_id for x in e.list(deployment_id=slow)], ["create_deployment_environment"])
    assert w.client.deployments.get(slow).id == slow


@part
def operations(w):
    deployment = w.deploy()
    execution = w.execute(deployment, "install")
    all_of_them = w.client.operations.list(execution_id=execution)
    assert all(o.state == "succeeded" for o in all_of_them), all_of_them
    names = [o.name for o in w.client.operations.list(execution_id=execution, skip_internal=True)]
    assert names, "no operations"
    one = all_of_them[0]
    equal(w.client.operations.get(one.id).name, one.name)


@part
def tasks_graphs(w):
    execution = w.execute(w.deploy(), "install")
    graphs = w.client.tasks_graphs.list(execution)
    assert graphs, "no task graphs"
    assert w.client.operations.list(graph_id=graphs[0].id).items
    equal(ids(w.client.tasks_graphs.list(execution, name=graphs[0].name)), [graphs[0].id])


@part
def writing_graphs(w):
    execution = w.execute(w.deploy(), "install")
    graph = w.client.tasks_graphs.create(execution, "of a test", operations=[])
    operation = w.unused("operation")
    w.client.operations.create(operation, graph.id, "one", "RemoteWorkflowTask", {}, [])
    w.client.operations.update(operation, "succeeded")
    equal(w.client.operations.get(operation).state, "succeeded")
    w.client.operations.delete(operation)


@part
def events(w):
    e, deployment = w.client.events, w.deploy()
    execution = w.execute(deployment, "install")
    found = e.list(execution_id=execution, include_logs=True, _size=1000)
    assert "workflow_succeeded" in [x.get("event_type") for x in found]
    equal([x["message"] for x in found if x["type"] == "cloudify_log" and "saying" in x["message"]], ["saying hello"])
    equal(len(e.list(execution_id=execution, event_type="workflow_started")), 1)
    equal([x["level"] for x in e.list(execution_id=execution, include_logs=True, message="%saying%")], ["info"])
    listed, total = e.get(execution, include_logs=True)
    equal(total, len(found))
    e.create(logs=[{"logger": "test", "level": "info", "message": {"text": "of a test"}, "context": {}}], execution_id=execution)
    equal(len(e.list(execution_id=execution, include_logs=True, message="of a test")), 1)
    assert e.delete(deployment, include_logs=True)[0] > 0
    equal(e.list(execution_id=execution, include_logs=True).items, [])


# --- nodes


@part
def nodes(w):
    n, deployment = w.client.nodes, w.installed()
    equal(ids(n.list(deployment_id=deployment)), ["server", "service"])
    service = n.get(deployment, "service", evaluate_functions=True)
    equal((service.type, service.relationships[0]["target_id"]), ("cloudify.nodes.Root", "server"))
    equal(n.get(deployment, "service")["actual_number_of_instances"], 1)
    where = {"deployment_id": deployment}
    equal(ids(n.list(constraints=dict(where, name_pattern={"ends_with": "vice"}))), ["service"])
    rule = {"key": "id", "values": ["server"], "operator": "any_of", "type": "attribute"}
    equal(ids(n.list(filter_rules=[rule], deployment_id=deployment)), ["server"])
    equal([t.type for t in n.types.list(constraints=where)], ["cloudify.nodes.Root"])
    equal([t.type for t in n.types.list(node_type="Root", blueprint_id=w.blueprint())], ["cloudify.nodes.Root"])
    equal(n.types.list(constraints=dict(where, name_pattern={"contains": "Compute"})).items, [])
    refused("only_deployment_update", 403, n.update, deployment, "service", properties={})


@part
def node_instances(w):
    n, deployment = w.client.node_instances, w.deploy()
    w.execute(deployment, "install")
    one = n.list(deployment_id=deployment, node_id="service")[0]
    equal((one.state, one.runtime_properties["said"]), ("started", "hello"))
    equal(ids(n.list(constraints={"deployment_id": deployment, "name_pattern": {"starts_with": "service"}})), [one.id])
    equal(ids(n.search([one.id])), [one.id])
    changed = n.update(one.id, runtime_properties={"said": "nothing"}, version=one.version)
    assert changed.version > one.version
    equal(n.get(one.id).runtime_properties, {"said": "nothing"})
    refused("conflict_error", 409, n.update, one.id, runtime_properties={"said": "late"}, version=one.version)
    n.update(one.id, runtime_properties={"said": "late"}, version=one.version, force=True)
    equal(n.get(one.id, _include=["state"]).state, "started")
    refused("not_found_error", 404, n.get, "nothing_abcdef")


@part
def evaluate(w):
    deployment = w.installed()
    answer = w.client.evaluate.functions(deployment, {}, {"a": {"concat": [{"get_input": "greeting"}, "!"]}})
    equal(answer.payload, {"a": "hello!"})
    refused("functions_evaluation_error", 400, w.client.evaluate.functions, deployment, {}, {"a": {"get_attribute": ["none", "x"]}})


@part
def summary(w):
    deployment, s = w.installed(), w.client.summary
    counted = s.nodes.get("deployment_id")
    equal([x["nodes"] for x in counted if x["deployment_id"] == deployment], [2])
    counted = s.node_instances.get("state", deployment_id=deployment)
    equal([dict(x) for x in counted], [{"state": "started", "node_instances": 2}])
    assert sum(x["deployments"] for x in s.deployments.get("blueprint_id", "site_name")) >= 1
    assert sum(x["blueprints"] for x in s.blueprints.get("visibility")) >= 1
    assert sum(x["executions"] for x in s.executions.get("status", "workflow_id")) >= 1
    refused("bad_parameters_error", 400, s.nodes.get, "colour")


@part
def resources(w):
    name = "/resources/blueprints/default_tenant/%s/start.sh" % w.blueprint()
    text = b"".join(w.client.resources.get_file(name).bytes_stream()).decode()
    assert "GREETING" in text, text
    refused("not_found_error", 404, w.client.resources.get_file, name + ".none")


@part
def deployment_workdir(w):
    r, deployment = w.client.resources, w.installed()
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "state"), "w") as f:
            f.write("kept")
        r.upload_deployment_workdir(deployment, directory)
    with tempfile.TemporaryDirectory() as directory:
        r.download_deployment_workdir(deployment, directory)
        with open(os.path.join(directory, "state")) as f:
            equal(f.read(), "kept")


# --- groups, schedules, plugins, archives, the audit log


@part
def deployment_groups(w):
    g, name = w.client.deployment_groups, w.unused("group")
    one, two = w.deploy(), w.deploy()
    equal(g.put(name, blueprint_id=w.blueprint(), deployment_ids=[one]).deployment_ids, [one])
    equal(sorted(g.add_deployments(name, deployment_ids=[two]).deployment_ids), sorted([one, two]))
    equal(g.remove_deployments(name, deployment_ids=[one]).deployment_ids, [two])
    equal(g.get(name).default_blueprint_id, w.blueprint())
    assert name in ids(g.list())
    g.delete(name)
    refused("not_found_error", 404, g.get, name)


@part
def execution_groups(w):
    group, e = w.unused("group"), w.client.execution_groups
    w.client.deployment_groups.put(group, blueprint_id=w.blueprint(), deployment_ids=[w.deploy()])
    started = e.start(group, "install", concurrency=2)
    equal(len(e.get(started.id).execution_ids), 1)
    w.wait(e.get(started.id).execution_ids[0], "terminated")
    equal(e.set_concurrency(started.id, 3).concurrency, 3)
    assert started.id in ids(e.list())


@part
def execution_schedules(w):
    s, deployment, name = w.client.execution_schedules, w.deploy(), w.unused("schedule")
    since = datetime.datetime(2099, 1, 1)
    s.create(name, deployment, "install", since=since, recurrence="1 day", count=2)
    equal(s.get(name, deployment).workflow_id, "install")
    s.update(name, deployment, enabled=False)
    equal(s.get(name, deployment).enabled, False)
    assert name in ids(s.list(deployment_id=deployment))
    s.delete(name, deployment)


@part
def inter_deployment_dependencies(w):
    d, source, target = w.client.inter_deployment_dependencies, w.deploy(), w.deploy()
    made = d.create("test.creator", source, target)
    equal(made.dependency_creator, "test.creator")
    equal([x.target_deployment_id for x in d.list(source_deployment_id=source)], [target])
    d.delete("test.creator", source, target)
    equal(d.list(source_deployment_id=source).items, [])


@part
def agents(w):
    a, name = w.client.agents, w.unused("agent")
    instance = w.client.node_instances.list(deployment_id=w.installed())[0]
    a.create(name, instance.id, state="creating", create_rabbitmq_user=False)
    equal(a.get(name).state, "creating")
    equal(a.update(name, "started").state, "started")
    assert name in [x["id"] for x in a.list()]


def wagon(directory, name):
    """An archive as cfy uploads it: a wagon beside its YAML file."""
    about = {
        "package_name": name, "package_version": "1.0", "archive_name": name + "-1.0-py311-none-any.wgn",
        "package_source": name + "==1.0", "supported_platform": "any", "supported_python_versions": ["py311"],
        "wheels": [],
        "build_server_os_properties": {
            "distribution": None, "distribution_version": None, "distribution_release": None},
    }
    inner, outer = os.path.join(directory, "p.wgn"), os.path.join(directory, "p.zip")
    with zipfile.ZipFile(inner, "w") as z:
        z.writestr(name + "/package.json", json.dumps(about))
    with zipfile.ZipFile(outer, "w") as z:
        z.write(inner, "p.wgn")
        z.writestr("plugin.yaml", "plugins: {%s: {executor: central_deployment_agent, package_name: %s, "
                                  "package_version: '1.0'}}\n" % (name, name))
    return outer


@part
def plugins(w):
    p, name = w.client.plugins, w.unused("plugin")
    with tempfile.TemporaryDirectory() as directory:
        made = p.upload(wagon(directory, name), plugin_title="A plugin")
        equal((made.package_name, made["title"]), (name, "A plugin"))
        assert os.path.getsize(p.download(made.id, os.path.join(directory, "back.wgn"))) > 0
    equal(ids(p.list(package_name=name)), [made.id])
    equal(p.get(made.id).package_version, "1.0")
    equal(p.set_visibility(made.id, "global")["visibility"], "global")
    p.delete(made.id)
    refused("not_found_error", 404, p.get, made.id)


@part
def plugins_update(w):
    w.client.plugins_update.list()
    w.client.plugins_update.update_plugins(w.blueprint())


@part
def snapshots(w):
    s, name = w.client.snapshots, w.unused("snapshot")
    w.wait(s.create(name, include_credentials=False).id, "terminated")
    equal(s.get(name).status, "created")
    with tempfile.TemporaryDirectory() as directory:
        archive = s.download(name, os.path.join(directory, "s.zip"))
        other = w.unused("snapshot")
        equal(s.upload(archive, other).id, other)
    equal(sorted(set(ids(s.list())) & {name, other}), sorted([name, other]))
    s.delete(other)
    s.delete(name)
    equal(s.get_status()["status"], "not-running")


@part
def log_bundles(w):
    b, name = w.client.log_bundles, w.unused("bundle")
    w.wait(b.create(name).id, "terminated")
    equal(b.get(name).status, "created")
    with tempfile.TemporaryDirectory() as directory:
        assert os.path.getsize(b.download(name, os.path.join(directory, "l.zip"))) > 0
    b.delete(name)


@part
def auditlog(w):
    # What the attribute auditlog holds adds asynchronous methods to this one.
    log = AuditLogClient(w.client._client)
    site = w.unused("site")
    w.client.sites.create(site)
    records = log.list()
    assert [r for r in records if r.ref_table == "sites"], "the site is not in the audit log"


def main(host, port, password, blueprint):
    w = World(host, int(port), password, blueprint)
    clients = {name for name, value in vars(w.client).items() if type(value).__name__.endswith("Client") and name != "_client"}
    bad = ["there is no part for the client %s" % name for name in sorted(clients - set(PARTS))]
    bad += ["NOT_YET names %s, which is no part" % name for name in sorted(NOT_YET - set(PARTS))]
    for name, run in PARTS.items():
        try:
            run(w)
        except Exception as e:
            if name in NOT_YET and not isinstance(e, AssertionError):
                print("not yet  %s: %s" % (name, e))
                continue
            bad.append("%s: %s" % (name, e))
            traceback.print_exc(file=sys.stdout)
            continue
        if name in NOT_YET:
            bad.append("%s works by now: take it off the list NOT_YET" % name)
        else:
            print("ok       %s" % name)
    for line in bad:
        print("FAIL     %s" % line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
