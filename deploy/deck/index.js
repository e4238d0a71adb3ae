// The button "Refresh AWS cache" for Deck: a native ES module, as Deck imports plugins, without a build step. It uses React and Deck's own libraries, which Deck
// shares on `window` since 1.20, and what of them is the same from Spinnaker 1.28 to 2026.2.
//
// The refresh is ordered as a Spinnaker task with the stage `refreshAwsCache` of Orca (see deploy/orca), so it has the user's name, a history, and Gate's rules of who
// may do what. Nothing is asked of AWS Event Cache before somebody presses the button, and nothing of Deck waits for it.

const libraries = globalThis.spinnaker.plugins.sharedLibraries;
const React = libraries.react;
const ReactDOM = libraries.react_dom;
const core = libraries._spinnaker_core;
const h = React.createElement;

export const name = 'awsEventCacheRefresh';

// What can be asked for, from the catalogue. Written by `cargo xtask docs`; a test compares it.
// <kinds>
const KINDS = [
  { id: "auto-scaling-group", title: "Auto Scaling group", namedBy: "group name" },
  { id: "classic-load-balancer", title: "Classic load balancer", namedBy: "name" },
  { id: "cloud-map-service", title: "Cloud Map service", namedBy: "service id (srv-…)" },
  { id: "stack", title: "CloudFormation stack", namedBy: "stack name" },
  { id: "alarm", title: "CloudWatch alarm", namedBy: "alarm name" },
  { id: "instance", title: "EC2 instance", namedBy: "instance id (i-…)" },
  { id: "ecs-cluster", title: "ECS cluster", namedBy: "cluster name" },
  { id: "ecs-container-instance", title: "ECS container instance", namedBy: "ARN" },
  { id: "ecs-service", title: "ECS service", namedBy: "service name" },
  { id: "ecs-task", title: "ECS task", namedBy: "ARN" },
  { id: "ecs-task-definition", title: "ECS task definition", namedBy: "family and revision" },
  { id: "elastic-ip", title: "Elastic IP address", namedBy: "allocation id (eipalloc-…)" },
  { id: "classic-instance-health", title: "Health of instances behind classic load balancers", namedBy: "load balancer name" },
  { id: "target-health", title: "Health of targets", namedBy: "target group ARN" },
  { id: "role", title: "IAM role", namedBy: "role name" },
  { id: "server-certificate", title: "IAM server certificate", namedBy: "name" },
  { id: "instance-type", title: "Instance type", namedBy: "type name" },
  { id: "key-pair", title: "Key pair", namedBy: "name, or id (key-…) where only that is given" },
  { id: "lambda-function", title: "Lambda function", namedBy: "function name" },
  { id: "launch-configuration", title: "Launch configuration", namedBy: "name" },
  { id: "launch-template", title: "Launch template", namedBy: "template id (lt-…)" },
  { id: "listener", title: "Listener", namedBy: "ARN" },
  { id: "listener-rule", title: "Listener rule", namedBy: "ARN" },
  { id: "load-balancer", title: "Load balancer (application, network, gateway)", namedBy: "ARN" },
  { id: "image", title: "Machine image of the account", namedBy: "image id (ami-…)" },
  { id: "public-image", title: "Public machine image", namedBy: "image id (ami-…)" },
  { id: "region", title: "Regions, zones and attributes of the account", namedBy: "region" },
  { id: "reserved-instance", title: "Reserved instances", namedBy: "reservation id" },
  { id: "scalable-target", title: "Scalable target", namedBy: "resource id (service/cluster/name)" },
  { id: "scaling-policy", title: "Scaling policy", namedBy: "name of its Auto Scaling group" },
  { id: "scheduled-action", title: "Scheduled action", namedBy: "name of its Auto Scaling group" },
  { id: "secret", title: "Secret (that it exists, never its value)", namedBy: "name or ARN" },
  { id: "security-group", title: "Security group", namedBy: "group id (sg-…)" },
  { id: "subnet", title: "Subnet", namedBy: "subnet id (subnet-…)" },
  { id: "target-group", title: "Target group", namedBy: "ARN" },
  { id: "vpc", title: "VPC", namedBy: "VPC id (vpc-…)" },
];
// </kinds>

// The type of the stage, as deploy/orca/refresh-stage.yml names it.
const STAGE = 'refreshAwsCache';

// The Spinnaker application of refreshes that are asked for outside of any application.
const APPLICATION = 'awscache';

// Clouddriver's providers whose agents read AWS.
const PROVIDERS = ['aws', 'ecs'];

// What stands for all in every field.
const ALL = '*';

// How often a running task is asked for, in milliseconds: as often as Orca itself looks in the first minute, then less, so that a forgotten tab costs little.
const LOOK_MS = 1000;
const LOOK_LATER_MS = 5000;
const LATER_AFTER = 60;

// So many unanswered questions in a row mean that Gate is away: half a minute, in which a restarted one is back.
const MISSES = 30;

// Statuses of a task that goes on.
const ACTIVE = ['NOT_STARTED', 'RUNNING', 'PAUSED', 'SUSPENDED', 'BUFFERED'];

const pause = (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds));

const text = (value) => (typeof value === 'string' && value.trim() ? value.trim() : undefined);

/** The regions of an account, or of all of them, in alphabetical order. */
export function regionsOf(accounts, chosen) {
  const of = accounts.filter((account) => chosen === ALL || account.name === chosen);
  const names = of.flatMap((account) => account.regions || []).map((region) => region.name || region);
  return [...new Set(names)].sort();
}

/** What is wrong with a wish before anybody is asked; undefined if nothing is. Orca would evaluate an expression, wherever it came from. */
export function mistake(wish) {
  return wish.name.includes('${') ? 'A name cannot hold an expression ("${").' : undefined;
}

/** What is refreshed, in words: the name of the task. */
export function inWords(wish) {
  const kind = KINDS.find((known) => known.id === wish.kind);
  const parts = [
    wish.account === ALL ? 'all accounts' : wish.account,
    wish.region === ALL ? 'all regions' : wish.region,
    kind ? kind.title : 'all kinds',
    ...(wish.name ? [wish.name] : []),
  ];
  return `Refresh AWS cache: ${parts.join(', ')}`;
}

/** The body of POST /tasks. */
export function taskOf(wish, application) {
  const owner = application ? application.name : APPLICATION;
  const { account, region, kind, name: resource } = wish;
  const parameterValues = { account, region, kind, name: resource };
  const job = { type: STAGE, alias: 'preconfiguredWebhook', application: owner, parameterValues };
  return { application: application || owner, description: inWords(wish), job: [job] };
}

function variable(task, key) {
  const stages = (task.execution && task.execution.stages) || [];
  const stage = stages.find((one) => one.type === STAGE && one.context && one.context[key] !== undefined);
  if (stage) {
    return stage.context[key];
  }
  const found = (task.variables || []).find((one) => one.key === key);
  return found && found.value;
}

/** How far a task is, in the service's own words; undefined before it has said anything. */
export function progressOf(task) {
  const { monitor, body } = variable(task, 'webhook') || {};
  return (monitor && text(monitor.progressMessage)) || (body && text(body.progress));
}

/** Why a task failed: a sentence, and what Orca says of it. */
export function reasonOf(task) {
  const { monitor, body, error } = variable(task, 'webhook') || {};
  const refusal = body && text(body.error);
  if (refusal) {
    const nearest = text(body.nearest);
    return { sentence: nearest ? `${refusal}. Did you mean “${nearest}”?` : refusal };
  }
  if (task.status === 'CANCELED') {
    return { sentence: 'The task was canceled.' };
  }
  const told = monitor && (text(monitor.progressMessage) || (monitor.body && text(monitor.body.error)));
  if (told) {
    return { sentence: told };
  }
  const said = (monitor && text(monitor.error)) || text(error);
  if (said) {
    return { sentence: 'Orca could not reach AWS Event Cache.', detail: said };
  }
  const exception = variable(task, 'exception');
  const errors = (exception && exception.details && exception.details.errors) || [];
  return { sentence: `Orca could not run the stage ${STAGE}.`, detail: errors.map(String).join(' ') || task.status };
}

async function listAccounts() {
  const lists = await Promise.all(PROVIDERS.map((provider) => core.AccountService.listAccounts(provider)));
  return lists.flat().sort((one, other) => one.name.localeCompare(other.name));
}

/** Whether Orca has the stage, for this user; true when that cannot be found out, since Orca will tell. */
async function stageIsThere() {
  try {
    const stages = await core.REST('/webhooks/preconfigured').get();
    return !Array.isArray(stages) || stages.some((stage) => stage.type === STAGE);
  } catch (error) {
    return true;
  }
}

/** Asks for a task until it has ended, telling each time how far it is. Undefined when nobody answers any more or `stop` says so. */
async function untilEnded(id, tell, stop) {
  for (let looks = 0, missed = 0; missed < MISSES && !stop(); looks += 1) {
    await pause(looks < LATER_AFTER ? LOOK_MS : LOOK_LATER_MS);
    const task = await Promise.resolve(core.TaskReader.getTask(id)).catch(() => undefined);
    missed = task ? 0 : missed + 1;
    if (task && !ACTIVE.includes(task.status)) {
      return task;
    }
    if (task) {
      tell(task);
    }
  }
  return undefined;
}

/** Orders the refresh and follows it to its end; `tell` gets each state. */
async function refresh(wish, application, tell, stop) {
  tell({ phase: 'running', message: 'Asking Orca…' });
  let task;
  try {
    task = await core.TaskExecutor.executeTask(taskOf(wish, application));
  } catch (error) {
    const detail = text(error && error.failureMessage) || text(error && error.message);
    tell({ phase: 'failed', message: 'Spinnaker did not take the task.', detail });
    return;
  }
  if (!task) {
    tell({ phase: 'failed', message: 'Spinnaker took the task and cannot be asked how far it is; look at the tasks of the application.' });
    return;
  }
  const running = (latest) => tell({ phase: 'running', task: latest, message: progressOf(latest) || 'Orca has the task…' });
  running(task);
  const ended = await untilEnded(task.id, running, stop);
  if (!ended) {
    tell({ phase: 'failed', task, message: 'Spinnaker no longer answers; the refresh goes on without this page.' });
  } else if (ended.status === 'SUCCEEDED') {
    tell({ phase: 'succeeded', task: ended, message: progressOf(ended) || 'Clouddriver has read it again.' });
    reload(application);
  } else {
    const { sentence, detail } = reasonOf(ended);
    tell({ phase: 'failed', task: ended, message: sentence, detail });
  }
}

/** Has Deck read from Gate what has just been read from AWS. */
function reload(application) {
  try {
    if (application && typeof application.refresh === 'function') {
      Promise.resolve(application.refresh(true)).catch(() => undefined);
    }
  } catch (error) {
    console.warn('AWS Event Cache: the page was not read again', error);
  }
}

function Field({ id, label, help, children }) {
  return h(
    'div',
    { className: 'form-group row' },
    h('label', { className: 'col-md-3 sm-label-right', htmlFor: id }, label),
    h('div', { className: 'col-md-8' }, children, help && h('p', { id: `${id}-help`, className: 'help-block small' }, help)),
  );
}

function Choice({ id, value, options, onChange }) {
  return h(
    'select',
    { id, value, className: 'form-control input-sm', onChange: (event) => onChange(event.target.value) },
    options.map(([word, label]) => h('option', { key: word, value: word }, label)),
  );
}

function Wishes({ id, wish, accounts, onChange }) {
  const kind = KINDS.find((known) => known.id === wish.kind);
  const set = (change) => onChange({ ...wish, ...change });
  const chooseAccount = (account) => {
    const regions = ['global', ...regionsOf(accounts, account)];
    set({ account, region: regions.includes(wish.region) ? wish.region : ALL });
  };
  const words = (list) => list.map((word) => [word, word]);
  const accountOptions = [[ALL, 'All accounts'], ...words(accounts.map((account) => account.name))];
  const globalRegion = ['global', 'global (read once per account)'];
  const regionOptions = [[ALL, 'All regions'], ...words(regionsOf(accounts, wish.account)), globalRegion];
  const kindOptions = [[ALL, 'All kinds'], ...KINDS.map((known) => [known.id, known.title])];
  return h(
    React.Fragment,
    null,
    h(Field, { id: `${id}-account`, label: 'Account' },
      h(Choice, { id: `${id}-account`, value: wish.account, options: accountOptions, onChange: chooseAccount })),
    h(Field, { id: `${id}-region`, label: 'Region' },
      h(Choice, { id: `${id}-region`, value: wish.region, options: regionOptions, onChange: (region) => set({ region }) })),
    h(Field, { id: `${id}-kind`, label: 'Kind' },
      h(Choice, { id: `${id}-kind`, value: wish.kind, options: kindOptions, onChange: (chosen) => set({ kind: chosen, name: '' }) })),
    h(Field, { id: `${id}-name`, label: 'Name', help: kind ? `By ${kind.namedBy}. Empty for all.` : 'Choose a kind to name one resource.' },
      h('input', {
        id: `${id}-name`,
        type: 'text',
        className: 'form-control input-sm',
        value: wish.name,
        disabled: !kind,
        autoComplete: 'off',
        spellCheck: false,
        'aria-describedby': `${id}-name-help`,
        onChange: (event) => set({ name: event.target.value }),
      })),
  );
}

const LOOKS = {
  running: ['alert alert-info', 'fa fa-sync-alt fa-spin'],
  succeeded: ['alert alert-success', 'fa fa-check-circle'],
  failed: ['alert alert-danger', 'fa fa-exclamation-triangle'],
};

/** How it stands. A live region: screen readers say what changes in it. */
function Standing({ state, application }) {
  const [look, icon] = LOOKS[state.phase] || [];
  const link = application && state.task && `#/applications/${encodeURIComponent(application.name)}/tasks/${encodeURIComponent(state.task.id)}`;
  return h(
    'div',
    { role: state.phase === 'failed' ? 'alert' : 'status', 'aria-live': state.phase === 'failed' ? 'assertive' : 'polite' },
    look &&
      h(
        'div',
        { className: look },
        h('span', { className: icon, 'aria-hidden': true }),
        ' ',
        state.message,
        state.detail && h('div', { className: 'small aec-refresh-detail' }, state.detail),
        link && h('div', { className: 'small' }, h('a', { href: link, className: 'alert-link' }, 'Show this task')),
      ),
  );
}

const EVERYTHING = { account: ALL, region: ALL, kind: ALL, name: '' };

/** Follows the native dialog: it traps the focus, closes at Escape, and gives the focus back. */
function useDialog(open, onClose) {
  const dialog = React.useRef(null);
  React.useEffect(() => {
    const element = dialog.current;
    element.addEventListener('close', onClose);
    return () => element.removeEventListener('close', onClose);
  }, []);
  React.useEffect(() => {
    if (open && !dialog.current.open) {
      dialog.current.showModal();
      const first = dialog.current.querySelector('select');
      if (first) {
        first.focus();
      }
    } else if (!open && dialog.current.open) {
      dialog.current.close();
    }
  }, [open]);
  return dialog;
}

/** What can be chosen from, asked for when the dialog opens, and what is not as it should be. */
function useChoices(open) {
  const [choices, setChoices] = React.useState({ accounts: [], warnings: [] });
  React.useEffect(() => {
    if (!open) {
      return undefined;
    }
    let wanted = true;
    const accounts = listAccounts().then((list) => [list, []], () => [[], ['The list of accounts could not be read.']]);
    const stage = stageIsThere().then((there) => (there ? [] : [`Orca has no stage ${STAGE} for you: it is not set up, or its permissions leave you out.`]));
    Promise.all([accounts, stage]).then(([[list, missing], unset]) => wanted && setChoices({ accounts: list, warnings: [...missing, ...unset] }));
    return () => {
      wanted = false;
    };
  }, [open]);
  return choices;
}

function Dialog({ id, open, onClose, wish, setWish, state, start, again, application }) {
  const dialog = useDialog(open, onClose);
  const { accounts, warnings } = useChoices(open);
  const last = React.useRef(null);
  const ended = state.phase === 'succeeded' || state.phase === 'failed';
  React.useEffect(() => {
    if (open && ended && last.current) {
      last.current.focus();
    }
  }, [ended]);
  const submit = (event) => {
    event.preventDefault();
    start();
  };
  const body = state.phase === 'form' || state.phase === 'wrong'
    ? h(Wishes, { id, wish, accounts, onChange: setWish })
    : h('p', { className: 'aec-refresh-wish' }, inWords(wish));
  const everything = state.phase === 'form' && wish.account === ALL && wish.region === ALL && wish.kind === ALL;
  return h(
    'dialog',
    { ref: dialog, className: 'aec-refresh-dialog modal-content', 'aria-labelledby': `${id}-title` },
    h('form', { className: 'form-horizontal', onSubmit: submit },
      h('div', { className: 'modal-header' },
        h('button', { type: 'button', className: 'close', 'aria-label': 'Close', onClick: onClose }, '×'),
        h('h4', { className: 'modal-title', id: `${id}-title` }, 'Refresh AWS cache')),
      h('div', { className: 'modal-body' },
        warnings.map((warning) => h('div', { key: warning, className: 'alert alert-warning', role: 'alert' }, warning)),
        body,
        everything && h('p', { className: 'help-block small' }, 'Everything of every account is read again, within the rate limits of AWS.'),
        state.phase === 'wrong' && h('div', { className: 'alert alert-danger', role: 'alert' }, state.message),
        h(Standing, { state, application })),
      h('div', { className: 'modal-footer' },
        ended && h('button', { type: 'button', className: 'btn btn-default', onClick: again }, 'Refresh something else'),
        h('button', { type: 'button', ref: last, className: 'btn btn-default', onClick: onClose }, state.phase === 'form' ? 'Cancel' : 'Close'),
        (state.phase === 'form' || state.phase === 'wrong') && h('button', { type: 'submit', className: 'btn btn-primary' }, 'Refresh'))),
  );
}

let buttons = 0;

/** The button and its dialog. Closing the dialog does not end the refresh: the button shows that it goes on. */
function RefreshButton({ application, className }) {
  const [id] = React.useState(() => `aec-refresh-${(buttons += 1)}`);
  const [open, setOpen] = React.useState(false);
  const [wish, setWish] = React.useState(EVERYTHING);
  const [state, setState] = React.useState({ phase: 'form' });
  const gone = React.useRef(false);
  React.useEffect(() => () => {
    gone.current = true;
  }, []);
  const tell = (next) => gone.current || setState(next);
  const start = () => {
    const wrong = mistake(wish);
    if (wrong) {
      setState({ phase: 'wrong', message: wrong });
      return;
    }
    const trimmed = { ...wish, name: wish.name.trim() };
    refresh(trimmed, application, tell, () => gone.current);
  };
  const close = React.useCallback(() => setOpen(false), []);
  const again = () => setState({ phase: 'form' });
  const running = state.phase === 'running';
  const label = running ? 'Refreshing AWS cache…' : 'Refresh AWS cache';
  const dialog = h(Dialog, { id, open, onClose: close, wish, setWish, state, start, again, application });
  return h(
    React.Fragment,
    null,
    h(
      'button',
      { type: 'button', className: `btn btn-default aec-refresh ${className || ''}`, title: label, 'aria-haspopup': 'dialog', onClick: () => setOpen(true) },
      h('span', { className: `fa fa-sync-alt ${running ? 'fa-spin' : ''}`, 'aria-hidden': true }),
      h('span', { className: 'aec-refresh-label' }, ` ${label}`),
    ),
    ReactDOM.createPortal(dialog, document.body),
  );
}

/** Keeps what goes wrong in the button out of Deck. */
class Contained extends React.Component {
  constructor(props) {
    super(props);
    this.state = { broken: false };
  }

  static getDerivedStateFromError() {
    return { broken: true };
  }

  componentDidCatch(error) {
    console.error('AWS Event Cache: the button is broken', error);
  }

  render() {
    return this.state.broken ? null : this.props.children;
  }
}

const button = (props) => h(Contained, null, h(RefreshButton, props));

/** Deck's menu of the search page, the applications and the projects, and the button beside it. */
function Menu({ OriginalComponent, ...rest }) {
  return h('div', { className: 'aec-refresh-menu' }, h(OriginalComponent, rest), button({}));
}

/** The foot of an application's navigation. */
function Foot({ OriginalComponent, ...rest }) {
  return h(React.Fragment, null, h(OriginalComponent, rest), rest.app && button({ application: rest.app, className: 'btn-sm aec-refresh-foot' }));
}

const STYLE = `
.aec-refresh-menu { display: flex; align-items: flex-start; gap: 5px; }
.aec-refresh-foot { display: block; width: calc(100% - 24px); margin: 8px 12px; }
.vertical-nav-collapsed .aec-refresh-foot { width: auto; padding: 5px 10px; }
.vertical-nav-collapsed .aec-refresh-label { display: none; }
.aec-refresh-dialog { width: 600px; max-width: 95vw; padding: 0; margin: 60px auto auto; color: inherit; }
.aec-refresh-dialog::backdrop { background: rgba(0, 0, 0, 0.5); }
.aec-refresh-dialog .help-block { margin: 4px 0 0; }
.aec-refresh-detail, .aec-refresh-wish { overflow-wrap: anywhere; }
`;

function style() {
  const element = document.createElement('style');
  element.textContent = STYLE;
  document.head.appendChild(element);
}

export const plugin = {
  initialize() {
    style();
    core.overrideRegistrationQueue.register(Menu, 'createInsightMenu');
    core.overrideRegistrationQueue.register(Foot, 'core.nav.bottom');
  },
};
