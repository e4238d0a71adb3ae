// A page that loads plugins as Deck does, with those of Deck's libraries that a plugin can see, in their shape from Spinnaker 1.28 to 2026.2. Components are Deck's in
// name and properties only. Address: `?collapsed` draws the navigation narrow.
const { React, ReactDOM } = window;
const h = React.createElement;
const gateUrl = new URLSearchParams(location.search).get('gate') || '';

class RequestBuilder {
  constructor(path, query) {
    this.address = path;
    this.parameters = query || {};
  }

  path(...parts) {
    return new RequestBuilder([this.address, ...parts.map(encodeURIComponent)].join('/'), this.parameters);
  }

  query(parameters) {
    return new RequestBuilder(this.address, { ...this.parameters, ...parameters });
  }

  useCache() {
    return this;
  }

  get() {
    return this.send('GET');
  }

  post(body) {
    return this.send('POST', body);
  }

  async send(method, body) {
    const query = new URLSearchParams(this.parameters).toString();
    const headers = { 'X-RateLimit-App': 'deck', ...(body ? { 'Content-Type': 'application/json' } : {}) };
    const url = `${gateUrl}${this.address}${query ? `?${query}` : ''}`;
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body), credentials: 'include' });
    const data = await answer.json().catch(() => undefined);
    if (!answer.ok) {
      throw Object.assign(new Error(answer.statusText), { status: answer.status, statusText: answer.statusText, data });
    }
    return data;
  }
}

const REST = (path) => new RequestBuilder(path);

const AuthenticationService = { getAuthenticatedUser: () => ({ name: 'alice@example.com', authenticated: true, roles: [] }) };

const AccountService = {
  async listAccounts(provider) {
    const all = await REST('/credentials').useCache().query({ expand: true }).get();
    return all.filter((account) => (!provider || account.type === provider) && account.authorized !== false);
  },
};

const TaskReader = {
  async getTask(id) {
    try {
      const task = await REST('/tasks').path(id).get();
      task.getValueFor = (key) => (task.variables.find((one) => one.key === key) || {}).value;
      return task;
    } catch (error) {
      return undefined;
    }
  },
};

const TaskExecutor = {
  async executeTask(command) {
    const owner = command.application || command.project || { name: 'ad-hoc' };
    if (command.application && command.application.name) {
      command.application = command.application.name;
    }
    command.job.forEach((job) => {
      job.user = AuthenticationService.getAuthenticatedUser().name;
    });
    let taken;
    try {
      taken = await REST('/tasks').post(command);
    } catch (error) {
      const message = (error.data && error.data.message) || 'Sorry, no more information.';
      throw { status: error.status, message: error.statusText, log: message, failureMessage: message };
    }
    if (owner.runningTasks && owner.runningTasks.refresh) {
      owner.runningTasks.refresh();
    }
    return TaskReader.getTask(taken.ref.split('/').pop());
  },
};

const overrides = new Map();
const overrideRegistrationQueue = { register: (component, key) => overrides.set(key, component) };

/** A component that a plugin may replace; the replacement gets the original. */
function overridable(Original, key) {
  return function Overridable(props) {
    const Override = overrides.get(key);
    return Override ? h(Override, { ...props, OriginalComponent: Original }) : h(Original, props);
  };
}

const core = { REST, AuthenticationService, AccountService, TaskReader, TaskExecutor, overrideRegistrationQueue };

window.spinnaker = { plugins: { sharedLibraries: { react: React, react_dom: ReactDOM, _spinnaker_core: core } } };

async function manifest(url) {
  const answer = await fetch(url, { credentials: 'include' }).catch(() => ({ ok: false }));
  return answer.ok ? answer.json().catch(() => []) : [];
}

async function load(entry) {
  try {
    const module = await import(entry.url || `${gateUrl}/plugins/deck/${entry.id}/${entry.version}/index.js`);
    if (!module.plugin) {
      throw new Error('it does not export plugin');
    }
    await (module.plugin.initialize && module.plugin.initialize(module.plugin));
    return module;
  } catch (error) {
    console.error(`Failed to load plugin ${entry.id}`, error);
    return undefined;
  }
}

async function plugins() {
  const own = await manifest('/plugin-manifest.json');
  const gates = await manifest(`${gateUrl}/plugins/deck/plugin-manifest.json`);
  const all = [...own, ...gates.filter((entry) => !own.some((mine) => mine.id === entry.id))];
  return Promise.all(all.map(load));
}

const InsightMenu = overridable(
  () => h('div', { id: 'insight-menu' },
    h('button', { className: 'btn btn-default', style: { marginRight: '5px' } }, 'Create Project'),
    h('button', { className: 'btn btn-primary', style: { marginRight: '5px' } }, 'Create Application'),
    h('button', { className: 'btn btn-default' }, 'Refresh all caches')),
  'createInsightMenu',
);

const BottomSection = overridable(() => null, 'core.nav.bottom');

const application = {
  name: 'shop',
  refreshed: 0,
  refresh() {
    this.refreshed += 1;
    return Promise.resolve();
  },
};

function Page() {
  const collapsed = location.search.includes('collapsed');
  return h('div', { className: 'page' },
    h('div', { className: `vertical-navigation ${collapsed ? 'vertical-nav-collapsed' : ''}` },
      h('h3', { className: 'heading-2 nav-header' }, h('span', { className: 'application-name' }, application.name)),
      h('div', { className: 'nav-content' }, ['Pipelines', 'Clusters', 'Load balancers', 'Firewalls', 'Tasks'].map((one) =>
        h('div', { key: one, className: 'nav-section' }, h('div', null, h('span', { className: 'nav-name' }, one))))),
      h('div', { className: 'nav-bottom' }, h(BottomSection, { app: application }))),
    h('div', { className: 'main' }, h('h2', null, 'Applications'), h(InsightMenu, { createApp: true, createProject: true, refreshCaches: true })));
}

window.host = { application, modules: await plugins() };
ReactDOM.render(h(Page), document.getElementById('page'));
document.body.dataset.ready = 'yes';
