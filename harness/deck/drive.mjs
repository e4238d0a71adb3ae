// Uses the button of plugins/deck in a real Chromium, as people do. Called by crates/kits/tests/deck.rs:
//
//   node drive.mjs URL FOLDER SETTINGS SCENARIO…
//
// URL is that of the Deck-like page's server, FOLDER takes screenshots, SETTINGS is JSON: modules (the folder of node_modules), chromium (its program), kind (one of the
// catalogue: id, title, namedBy). Each scenario has a page of its own. The first that fails ends the run with status 1 and a sentence.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [url, folder, settings, ...scenarios] = process.argv.slice(2);
const { modules, chromium: program, kind } = JSON.parse(settings);
const require = createRequire(`${modules}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// A refresh takes seconds; a busy machine needs some more.
const PATIENCE = 60_000;

const BUTTON = /^Refresh(ing)? AWS cache/;

/** What a page offers to a person. */
class Deck {
  constructor(page) {
    this.page = page;
    this.dialog = page.getByRole('dialog', { name: 'Refresh AWS cache' });
    this.foot = page.locator('.nav-bottom').getByRole('button', { name: BUTTON });
    this.menu = page.locator('.main').getByRole('button', { name: BUTTON });
    this.posted = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') {
        this.posted.push(request.postDataJSON());
      }
    });
  }

  async open(button = this.foot, query = '') {
    await this.page.goto(`${url}/index.html${query}`);
    await this.page.locator('body[data-ready=yes]').waitFor();
    await button.click();
    await this.dialog.waitFor();
    await this.dialog.getByRole('option', { name: 'prod', exact: true }).waitFor({ state: 'attached' });
  }

  async choose({ account, region, kind: chosen, name }) {
    const choices = [['Account', account], ['Region', region], ['Kind', chosen]];
    for (const [label, value] of choices.filter(([, one]) => one)) {
      await this.dialog.getByLabel(label).selectOption(value);
    }
    if (name) {
      await this.dialog.getByLabel('Name').fill(name);
    }
  }

  submit() {
    return this.dialog.getByRole('button', { name: 'Refresh', exact: true }).click();
  }

  says(role, text) {
    return this.dialog.getByRole(role).filter({ hasText: text }).waitFor({ timeout: PATIENCE });
  }

  picture(name) {
    return this.page.screenshot({ path: `${folder}/${name}.png` });
  }

  /** Fails for what axe finds wrong in the plugin's own parts. */
  async accessible() {
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => window.axe.run({ include: [['.aec-refresh-dialog'], ['.aec-refresh']] }));
    const wrong = found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`);
    assert.deepEqual(wrong, []);
  }

  /** The accessible name of what has the focus. */
  focused() {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      return (element.labels && element.labels[0] && element.labels[0].textContent) || element.getAttribute('aria-label') || element.textContent.trim();
    });
  }
}

const SCENARIOS = {
  /** Choose, watch, done: with the name of the application and of the user. */
  async refresh(deck) {
    await deck.open();
    await deck.choose({ account: 'prod', region: 'us-west-2', kind: kind.id });
    assert.ok(await deck.dialog.getByText(`By ${kind.namedBy}.`).isVisible(), 'it does not say how a resource of the kind is named');
    await deck.choose({ name: 'some-name' });
    await deck.picture('form');
    await deck.accessible();
    await deck.submit();
    await deck.says('status', /0 of \d+ agents? ha(s|ve) run/);
    assert.equal(await deck.foot.getAttribute('title'), 'Refreshing AWS cache…');
    await deck.picture('running');
    await deck.says('status', /([1-9]\d*) of \1 agents? ha(s|ve) run/);
    await deck.picture('succeeded');
    await deck.accessible();
    assert.equal(await deck.focused(), 'Close');
    const link = await deck.dialog.getByRole('link', { name: 'Show this task' }).getAttribute('href');
    assert.match(link, /^#\/applications\/shop\/tasks\/\w+$/);
    assert.equal(await deck.page.evaluate(() => window.host.application.refreshed), 1, 'the page was not read again');
    const [task] = deck.posted;
    assert.equal(task.application, 'shop');
    assert.equal(task.description, `Refresh AWS cache: prod, us-west-2, ${kind.title}, some-name`);
    assert.deepEqual(task.job[0].parameterValues, { account: 'prod', region: 'us-west-2', kind: kind.id, name: 'some-name' });
  },

  /** Closing the dialog does not end the refresh, and opening it again shows how it stands. */
  async closed(deck) {
    await deck.open();
    await deck.choose({ account: 'prod', region: 'eu-west-1', kind: kind.id });
    await deck.submit();
    await deck.says('status', /agents? ha(s|ve) run/);
    await deck.dialog.getByRole('button', { name: 'Close' }).last().click();
    await deck.dialog.waitFor({ state: 'hidden' });
    await deck.page.getByRole('button', { name: 'Refresh all caches' }).click();
    await deck.page.locator('.nav-bottom').getByRole('button', { name: 'Refresh AWS cache', exact: true }).click({ timeout: PATIENCE });
    await deck.says('status', /([1-9]\d*) of \1 agents? ha(s|ve) run/);
    await deck.dialog.getByRole('button', { name: 'Refresh something else' }).click();
    assert.ok(await deck.dialog.getByLabel('Account').isVisible());
  },

  /** Outside of any application, from the menu beside "Refresh all caches". */
  async menu(deck) {
    await deck.open(deck.menu);
    await deck.choose({ account: 'staging', kind: kind.id });
    assert.ok(await deck.page.getByRole('button', { name: 'Refresh all caches', includeHidden: true }).count(), "Deck's own menu is gone");
    await deck.submit();
    await deck.says('status', /([1-9]\d*) of \1 agents? ha(s|ve) run/);
    assert.equal(deck.posted[0].application, 'awscache');
    assert.equal(await deck.dialog.getByRole('link').count(), 0);
    await deck.dialog.getByRole('button', { name: 'Close' }).first().click();
    await deck.picture('menu');
  },

  /** Only by keyboard. */
  async keyboard(deck) {
    const { page } = deck;
    await page.goto(`${url}/index.html`);
    await page.locator('body[data-ready=yes]').waitFor();
    for (let presses = 0; (await deck.focused()) !== 'Refresh AWS cache'; presses += 1) {
      assert.ok(presses < 20, 'the button cannot be reached by Tab');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await deck.dialog.waitFor();
    assert.equal(await deck.focused(), 'Account');
    await page.keyboard.press('Escape');
    await deck.dialog.waitFor({ state: 'hidden' });
    assert.equal(await deck.focused(), 'Refresh AWS cache', 'the focus is lost');
    await page.keyboard.press('Space');
    await deck.dialog.getByRole('option', { name: 'prod', exact: true }).waitFor({ state: 'attached' });
    await page.keyboard.type('prod');
    await page.keyboard.press('Tab');
    assert.equal(await deck.focused(), 'Region');
    await page.keyboard.type('us-west-2');
    await page.keyboard.press('Tab');
    assert.equal(await deck.focused(), 'Kind');
    await page.keyboard.type(kind.title);
    await page.keyboard.press('Tab');
    assert.equal(await deck.focused(), 'Name');
    await page.keyboard.type('by-keyboard');
    await page.keyboard.press('Enter');
    await deck.says('status', /([1-9]\d*) of \1 agents? ha(s|ve) run/);
    assert.deepEqual(deck.posted[0].job[0].parameterValues, { account: 'prod', region: 'us-west-2', kind: kind.id, name: 'by-keyboard' });
    assert.equal(await deck.focused(), 'Close');
    await page.keyboard.press('Enter');
    await deck.dialog.waitFor({ state: 'hidden' });
    assert.equal(await deck.focused(), 'Refresh AWS cache');
  },

  /** What the service refuses is told in its words. */
  async refused(deck) {
    await deck.open();
    await deck.choose({ account: 'prod-old' });
    await deck.submit();
    await deck.says('alert', /Clouddriver serves no such account.*Did you mean “prod”\?/);
    await deck.picture('refused');
    await deck.accessible();
    assert.equal(await deck.focused(), 'Close');
  },

  /** Names from Clouddriver, from people and from errors are texts, never markup or expressions. */
  async hostile(deck) {
    const evil = '<img src=x onerror="window.evil=1">';
    await deck.open();
    await deck.choose({ account: evil, kind: kind.id, name: '"><script>window.evil=2</script>' });
    await deck.submit();
    await deck.dialog.getByRole('alert').waitFor({ timeout: PATIENCE });
    assert.ok((await deck.dialog.textContent()).includes(evil));
    assert.equal(await deck.page.evaluate(() => window.evil), undefined);
    await deck.dialog.getByRole('button', { name: 'Refresh something else' }).click();
    await deck.choose({ kind: kind.id, name: "${new java.lang.String('x')}" });
    const before = deck.posted.length;
    await deck.submit();
    await deck.says('alert', 'cannot hold an expression');
    assert.equal(deck.posted.length, before, 'the expression was sent');
  },

  /** A narrow navigation has the button as an icon, with its name for screen readers. */
  async collapsed(deck) {
    await deck.open(deck.foot, '?collapsed');
    await deck.page.keyboard.press('Escape');
    assert.equal(await deck.page.locator('.nav-bottom .aec-refresh-label').isVisible(), false);
    await deck.picture('collapsed');
  },

  /** A Spinnaker whose Orca has no such stage says so before anything is tried. */
  async unset(deck) {
    await deck.page.route('**/webhooks/preconfigured', (route) => route.fulfill({ json: [{ type: 'other' }] }));
    await deck.open();
    await deck.says('alert', 'Orca has no stage refreshAwsCache for you');
  },

  /** The service is away: Deck works, and the button says why it does not. */
  async serviceAway(deck) {
    await deck.open();
    await deck.choose({ account: 'prod' });
    await deck.submit();
    await deck.says('alert', 'Orca could not reach AWS Event Cache.');
    await deck.picture('service-away');
    await deck.dialog.getByRole('button', { name: 'Close' }).last().click();
    await deck.page.getByRole('button', { name: 'Refresh all caches' }).click();
  },

  /** Gate is away. */
  async gateAway(deck) {
    await deck.open();
    await deck.page.route('**/tasks', (route) => route.abort());
    await deck.choose({ account: 'prod' });
    await deck.submit();
    await deck.says('alert', 'Spinnaker did not take the task.');
    await deck.dialog.getByRole('button', { name: 'Close' }).last().click();
    await deck.page.route('**/credentials*', (route) => route.abort());
    await deck.menu.click();
    await deck.says('alert', 'The list of accounts could not be read.');
  },
};

const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
  for (const scenario of scenarios) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(PATIENCE / 2);
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    try {
      await SCENARIOS[scenario](new Deck(page));
    } catch (error) {
      await page.screenshot({ path: `${folder}/failed-${scenario}.png` }).catch(() => undefined);
      throw new Error(`${scenario}: ${error.message}\nThe page's console: ${errors.join('\n')}`, { cause: error });
    }
    // What a scenario breaks on purpose is told in the console; nothing else may be.
    const unexpected = errors.filter((error) => !error.includes('Failed to load resource'));
    assert.deepEqual(unexpected, [], `${scenario}: errors in the console`);
    console.log(`${scenario}: ok`);
    await page.close();
  }
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await browser.close();
}
