// Rounds of @kubernetes/client-node against a hello.zeng.dev server.
//
//     node rounds.mjs --server URL [--token T] [--ca FILE] [--namespace NS]
//
// Prints a line per round and exits with 1 if one failed. RESTART in the environment is a command that
// restarts the server, for the round that goes across a restart. This client has no call for
// foos/config and foos/base64; the other clients cover those.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import * as k8s from '@kubernetes/client-node';

const GROUP = 'hello.zeng.dev';
const TIMEOUT_MS = 30000;

const { values: options } = parseArgs({
  options: {
    server: { type: 'string' },
    token: { type: 'string' },
    ca: { type: 'string' },
    namespace: { type: 'string', default: 'client-node-' + Math.random().toString(36).slice(2, 7) },
  },
});
if (!options.server) {
  console.error('--server is required');
  process.exit(2);
}

const namespace = options.namespace;
const config = new k8s.KubeConfig();
config.loadFromClusterAndUser(
  { name: 'server', server: options.server, caFile: options.ca, skipTLSVerify: !options.ca },
  { name: 'user', token: options.token },
);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);
const custom = config.makeApiClient(k8s.CustomObjectsApi);
const address = (version = 'v2') => ({ group: GROUP, version, plural: 'foos', namespace });
const foosPath = `/apis/${GROUP}/v2/namespaces/${namespace}/foos`;

const fooV1 = (name) => ({
  apiVersion: GROUP + '/v1', kind: 'Foo', metadata: { name, namespace }, spec: { msg: 'hello' },
});
const fooV2 = (name, image = 'nginx', labels = {}) => ({
  apiVersion: GROUP + '/v2', kind: 'Foo', metadata: { name, namespace, labels }, spec: { image, config: { msg: 'hello' } },
});
const part = (name, fields, version = 'v2') => ({ apiVersion: `${GROUP}/${version}`, kind: 'Foo', metadata: { name, namespace }, ...fields });
const read = (name, version = 'v2') => objects.read(part(name, {}, version));
// KubernetesObjectApi.list loses the continue token, so lists go through CustomObjectsApi.
const list = ({ fields, labels, limit, token } = {}) =>
  custom.listNamespacedCustomObject({ ...address(), fieldSelector: fields, labelSelector: labels, limit, _continue: token });
const patch = (name, fields, strategy = k8s.PatchStrategy.MergePatch) =>
  objects.patch(part(name, fields), undefined, undefined, undefined, undefined, strategy);
const clear = () => custom.deleteCollectionNamespacedCustomObject(address());

async function createMany(count) {
  for (let i = 0; i < count; i++) {
    await objects.create(fooV2('f' + i, 'nginx', { parity: i % 2 ? 'odd' : 'even' }));
  }
}

/** Wants the call refused with this code and reason. */
async function refused(code, reason, call) {
  try {
    await call();
  } catch (error) {
    const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    assert.deepEqual([error.code, body?.reason], [code, reason]);
    return;
  }
  assert.fail(`want ${code} ${reason}, got success`);
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took over ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const rounds = {
  async discovery() {
    const { resources } = await custom.getAPIResources({ group: GROUP, version: 'v2' });
    assert.deepEqual(resources.map((r) => r.name).sort(), ['foos', 'foos/base64', 'foos/config', 'foos/status']);
    const { groups } = await config.makeApiClient(k8s.ApisApi).getAPIVersions();
    assert.equal(groups.find((g) => g.name === GROUP).preferredVersion.version, 'v2');
  },

  async create() {
    const old = await objects.create(fooV1('old'));
    assert.equal(old.metadata.annotations['spec.image'], 'busybox:1.36');
    await objects.create(fooV2('new'));
    const [asNew, asOld] = [await read('old'), await read('new', 'v1')];
    assert.deepEqual([asNew.spec, asNew.status], [{ image: 'busybox:1.36', config: { msg: 'hello' } }, { phase: 'Processing' }]);
    assert.deepEqual([asOld.spec.msg, asOld.metadata.annotations['spec.image']], ['hello', 'nginx']);
  },

  async page() {
    await createMany(7);
    const sizes = [], names = [];
    let token;
    do {
      const answer = await list({ limit: 3, token });
      sizes.push(answer.items.length);
      names.push(...answer.items.map((item) => item.metadata.name));
      token = answer.metadata.continue;
    } while (token && sizes.length < 7);
    assert.deepEqual(sizes, [3, 3, 1]);
    assert.deepEqual(names, ['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6']);
  },

  async select() {
    await createMany(4);
    for (const [labels, want] of [['parity=even', 2], ['parity!=even', 2], ['parity in (odd)', 2], ['!parity', 0], ['parity', 4]]) {
      assert.equal((await list({ labels })).items.length, want, labels);
    }
    assert.equal((await list({ fields: 'metadata.name=f2' })).items.length, 1);
  },

  async watch() {
    const { metadata } = await list();
    const seen = [];
    let request;
    const done = new Promise((resolve, reject) => {
      request = new k8s.Watch(config).watch(
        foosPath, { resourceVersion: metadata.resourceVersion, labelSelector: 'parity=even' },
        (type) => seen.push(type) === 3 && resolve(), (error) => reject(error ?? new Error('the watch ended')));
      request.catch(reject);
    });
    await createMany(2);
    await patch('f0', { spec: { image: 'x' } });
    await patch('f0', { metadata: { name: 'f0', namespace, labels: { parity: 'odd' } } });
    await within(done, 'the watch');
    (await request).abort();
    assert.deepEqual(seen, ['ADDED', 'MODIFIED', 'DELETED']);
  },

  async informer() {
    await createMany(2);
    const informer = k8s.makeInformer(config, foosPath, () => list());
    const deleted = new Promise((resolve) => informer.on('delete', (foo) => resolve(foo.metadata.name)));
    await informer.start();
    try {
      assert.equal(informer.list(namespace).length, 2);
      await objects.delete(part('f1', {}));
      assert.equal(await within(deleted, 'the informer'), 'f1');
    } finally {
      await informer.stop();
    }
  },

  async update() {
    const first = await objects.create(fooV2('a'));
    // What was read has Dates for times, which the client writes back as it read them.
    const second = { ...first, spec: { ...first.spec, image: 'redis' } };
    assert.equal((await objects.replace(second)).spec.image, 'redis');
    await refused(409, 'Conflict', () => objects.replace(first));
  },

  async patch() {
    await objects.create(fooV2('a'));
    assert.equal((await patch('a', { spec: { image: 'merge' } })).spec.image, 'merge');
    const steps = [{ op: 'test', path: '/spec/image', value: 'merge' }, { op: 'replace', path: '/spec/image', value: 'json' }];
    const answer = await custom.patchNamespacedCustomObject(
      { ...address(), name: 'a', body: steps }, k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.JsonPatch));
    assert.equal(answer.spec.image, 'json');
    assert.equal((await patch('a', { spec: { image: 'strategic' } }, k8s.PatchStrategy.StrategicMergePatch)).spec.image, 'strategic');
  },

  async apply() {
    const once = (image, manager, force) =>
      objects.patch(fooV2('a', image), undefined, undefined, manager, force, k8s.PatchStrategy.ServerSideApply);
    await once('nginx', 'one');
    await refused(409, 'Conflict', () => once('redis', 'two'));
    const forced = await once('redis', 'two', true);
    assert.equal(forced.spec.image, 'redis');
    assert.deepEqual(forced.metadata.managedFields.map((entry) => entry.manager).sort(), ['one', 'two']);
  },

  async status() {
    const foo = await objects.create(fooV2('a'));
    const body = { ...part('a', { spec: { ...foo.spec, image: 'ignored' }, status: { phase: 'Ready' } }) };
    body.metadata.resourceVersion = foo.metadata.resourceVersion;
    const answer = await custom.replaceNamespacedCustomObjectStatus({ ...address(), name: 'a', body });
    assert.deepEqual([answer.spec.image, answer.status.phase], ['nginx', 'Ready']);
  },

  async delete() {
    await createMany(3);
    await objects.delete(part('f0', {}));
    await refused(404, 'NotFound', () => objects.delete(part('f0', {})));
    const options = { preconditions: { uid: 'other' } };
    await refused(409, 'Conflict', () => custom.deleteNamespacedCustomObject({ ...address(), name: 'f1', body: options }));
    await clear();
    assert.equal((await list()).items.length, 0);
  },

  async errors() {
    await refused(404, 'NotFound', () => read('none'));
    await refused(422, 'Invalid', () => objects.create(fooV2('bad', '')));
    await objects.create(fooV2('a'));
    await refused(409, 'AlreadyExists', () => objects.create(fooV2('a')));
    await refused(400, 'BadRequest', () => list({ fields: 'spec.image=x' }));
  },
};

/** Waits until something holds, as far as the client's patience goes. */
async function until(holds, what) {
  const end = Date.now() + TIMEOUT_MS;
  while (!holds()) {
    if (Date.now() > end) assert.fail(what());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** An informer ends up with what there is, and tells of each change to an object once and in order. */
async function acrossARestart() {
  await createMany(2);
  const informer = k8s.makeInformer(config, foosPath, () => list());
  const told = {};
  for (const type of ['add', 'update', 'delete']) {
    informer.on(type, (foo) => (told[foo.metadata.name] ??= []).push([type, Number(foo.metadata.resourceVersion)]));
  }
  let stopped = false;
  informer.on('error', () => setTimeout(() => stopped || informer.start().catch(() => {}), 200));
  await informer.start();
  try {
    await patch('f0', { spec: { image: 'before' } });
    // The informer lives on the same thread: it sees the connection break when the server is back.
    const { status, stderr } = spawnSync('sh', ['-c', process.env.RESTART]);
    assert.equal(status, 0, String(stderr));
    await patch('f0', { spec: { image: 'after' } });
    await objects.delete(part('f1', {}));
    await objects.create(fooV2('f2'));
    const image = () => informer.get('f0', namespace)?.spec.image;
    const holds = () => informer.list(namespace).map((foo) => foo.metadata.name).sort().join(' ');
    await until(() => holds() === 'f0 f2' && image() === 'after', () => `it holds ${holds()}, f0 is ${image()}`);
    for (const [name, events] of Object.entries(told)) {
      const changes = events.filter(([type, version], i) => i === 0 || version !== events[i - 1][1] || type === 'delete');
      const versions = changes.map(([, version]) => version);
      const types = changes.map(([type]) => type).join(' ');
      assert.deepEqual(versions, versions.toSorted((a, b) => a - b), `${name}: ${types}`);
      assert.match(types, name === 'f1' ? /^add( update)* delete$/ : /^add( update)*$/, `${name}: ${types}`);
    }
  } finally {
    stopped = true;
    await informer.stop();
  }
}

if (process.env.RESTART) {
  rounds.across_a_restart = acrossARestart;
} else {
  console.log('skip node across_a_restart: RESTART names no command that restarts the server');
}

let failed = 0;
for (const [name, round] of Object.entries(rounds)) {
  try {
    await clear();
    await round();
    console.log(`ok   node ${name}`);
  } catch (error) {
    failed++;
    const line = /rounds\.mjs:(\d+)/.exec(error.stack ?? '')?.[1] ?? '?';
    console.log(`FAIL node ${name} (line ${line}): ${error.message}`);
  }
}
await clear();
if (failed) console.log(`node: ${failed} rounds failed`);
process.exit(failed ? 1 : 0);
