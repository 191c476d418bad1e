// Walks through the page of a running service in Chromium, as people do: with
// the mouse, with keys alone, on a phone, in the dark. Fails on whatever the
// browser complains about and on any request to another host.
//
//   node web_test.mjs http://127.0.0.1:8080 [--modules FOLDER] [--photo FILE]
//        [--group FILE] [--user NAME --password TEXT]
//        [--reader NAME --reader-password TEXT] [--shots FOLDER]
//        [--chromium FILE]
//
// --modules: the node_modules of web/ (playwright-core). --photo: shows one
// face; people are enrolled with it and forgotten again. --group: shows
// several. --user: of a locked service, an administrator, whose password is
// changed and changed back. --reader: one who may only read. --shots: where
// pictures of every page go.
import assert from 'node:assert/strict';
import {mkdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const {values: flags, positionals: [base]} = parseArgs({
  allowPositionals: true,
  options: {
    modules: {type: 'string', default: join(here, '../../web/node_modules')},
    photo: {type: 'string'},
    group: {type: 'string'},
    user: {type: 'string'},
    password: {type: 'string'},
    reader: {type: 'string'},
    'reader-password': {type: 'string'},
    shots: {type: 'string'},
    chromium: {type: 'string', default: '/usr/bin/chromium'},
  },
});
assert(base, 'the address of the service is missing');
const {chromium} =
    createRequire(join(resolve(flags.modules), 'x.js'))('playwright-core');

const kDesktop = {width: 1280, height: 800};
const kPhone = {width: 360, height: 740};
const kHostile = '<img src=x onerror=alert(1)> "Ada" & Søn';

let complaints = [];
let allowed = [];  // Complaints that a step provokes,
let late = [];     // and those of the step before, which may come late.

function watch(page) {
  const note = (text) => {
    if (![...allowed, ...late].some((one) => one.test(text))) {
      complaints.push(text);
    }
  };
  page.on('pageerror', (error) => note(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      note(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('dialog', (dialog) => {
    note(`a script ran: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (['data:', 'blob:'].includes(url.protocol)) return;
    if (url.host !== new URL(base).host) note(`asked ${url.host}`);
  });
}

let failed = 0;
async function step(name, run) {
  complaints = [];
  late = allowed;
  allowed = [];
  const begun = Date.now();
  try {
    await run();
    assert.deepEqual(complaints, [], 'the browser complains');
    console.log(`ok ${name} (${Date.now() - begun} ms)`);
  } catch (error) {
    ++failed;
    console.log(`FAILED ${name}\n  ${String(error.stack ?? error)}`);
    complaints.forEach((text) => console.log(`  ${text}`));
  }
}

const browser = await chromium.launch({
  executablePath: flags.chromium,
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update',
    '--disable-sync',
  ],
});
const context = await browser.newContext(
    {viewport: kDesktop, colorScheme: 'light', locale: 'en-GB'});
context.setDefaultTimeout(20000);
const page = await context.newPage();
watch(page);

async function open(place) {
  await page.goto(`${base}/#/${place}`);
  await settled();
}

// Nothing is being loaded that a person would wait for.
async function settled() {
  await page.locator('main').waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading'));
}

async function ask(path, method = 'GET', body = undefined) {
  return page.evaluate(async ([path, method, body]) => {
    const session = await (await fetch('v1/session')).json();
    const response = await fetch(path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        'X-CSRF-Token': session.csrfToken ?? '',
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return text ? JSON.parse(text) : {};
  }, [path, method, body]);
}

// Waits until so many are there: a page is drawn when it is drawn.
async function counts(locator, wanted) {
  let seen;
  for (const until = Date.now() + 20_000; Date.now() < until;) {
    seen = await locator.count();
    if (seen === wanted) return;
    await page.waitForTimeout(20);
  }
  assert.equal(seen, wanted);
}

async function shot(name) {
  if (!flags.shots) return;
  mkdirSync(flags.shots, {recursive: true});
  await page.screenshot({path: join(flags.shots, `${name}.png`)});
}

// --- what is checked of every page -----------------------------------------

// Elements that somebody who does not see them can't tell.
const nameless = () => page.evaluate(() => {
  const text = (element) => (element.innerText || '').trim() ||
      element.getAttribute('aria-label') || element.getAttribute('title') ||
      [...element.querySelectorAll('img')].map((one) => one.alt).join('') ||
      [...element.labels ?? []].map((one) => one.innerText).join('').trim();
  const controls = document.querySelectorAll(
      'button, a, input:not([hidden]), select, textarea, [role=img]');
  return [...controls].filter((element) => element.checkVisibility())
      .filter((element) => !text(element))
      .concat([...document.querySelectorAll('img:not([alt])')])
      .map((element) => element.outerHTML.slice(0, 120));
});

// Texts that are hard to read on what is behind them (WCAG 2 AA).
const faint = () => page.evaluate(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext(
      '2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = ([r, g, b, a], below) =>
      [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.push(rgba(getComputedStyle(at).backgroundColor));
      if (layers[layers.length - 1][3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below),
                                   [255, 255, 255]);
  };
  const bad = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(
        (node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('.stage') ||
        element.closest(':disabled, option, noscript')) {
      continue;
    }
    const back = behind(element);
    const front = over(rgba(getComputedStyle(element).color), back);
    const [light, dark] =
        [luminance(front), luminance(back)].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) {
      bad.push(`${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 100)}`);
    }
  }
  return bad;
});

const widerThanWindow = () => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide <= 0) return '';
  const culprit = [...document.body.querySelectorAll('*')].find(
      (one) => one.getBoundingClientRect().right > innerWidth + 1 &&
          one.checkVisibility());
  return `${wide} px: ${culprit?.outerHTML.slice(0, 160)}`;
});

// Styles follow with the next picture that the browser draws.
async function inColours(colorScheme, reducedMotion = null) {
  await page.emulateMedia({colorScheme, reducedMotion});
  await page.evaluate(() => new Promise((drawn) => {
    requestAnimationFrame(() => requestAnimationFrame(drawn));
  }));
}

async function looksRight(place, name) {
  const backgrounds = {};
  for (const [size, viewport] of Object.entries(
           {desktop: kDesktop, phone: kPhone})) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport);
      await inColours(colorScheme, 'reduce');
      await open(place);
      // Pictures that are in the window have come.
      await page.waitForFunction(() => [...document.images].every((image) => {
        const {top, bottom, left, right} = image.getBoundingClientRect();
        return image.complete || bottom < 0 || top > innerHeight ||
            right < 0 || left > innerWidth || image.src.includes('/mjpeg');
      }));
      const what = `${name}, ${size}, ${colorScheme}`;
      assert.equal(await widerThanWindow(), '', `${what}: scrolls sideways`);
      assert.deepEqual(await faint(), [], `${what}: faint text`);
      assert.deepEqual(await nameless(), [], `${what}: without a name`);
      backgrounds[colorScheme] = await page.evaluate(
          () => getComputedStyle(document.body).backgroundColor);
      await shot(`${name}-${size}-${colorScheme}`);
    }
  }
  assert.notEqual(backgrounds.light, backgrounds.dark);
  await page.setViewportSize(kDesktop);
  await inColours('light');
}

// --- the steps -------------------------------------------------------------

await step('the page is small, and its policy lets nothing else in', async () => {
  allowed = [/status of 401/];
  const scripts = [];
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script') scripts.push(response);
  });
  const [response] = await Promise.all([page.goto(`${base}/`), settled()]);
  assert.equal(response.status(), 200);
  const policy = (await response.allHeaders())['content-security-policy'] ?? '';
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  let bytes = 0;
  for (const script of scripts) {
    bytes += (await script.request().sizes()).responseBodySize;
  }
  const interactive = await page.evaluate(
      () => performance.getEntriesByType('navigation')[0].domInteractive);
  const first = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]
          ?.startTime ?? 0);
  console.log(`   ${scripts.length} script, ${bytes} bytes as sent; ` +
      `interactive after ${interactive.toFixed(0)} ms, first paint ` +
      `${first.toFixed(0)} ms`);
  assert(scripts.length > 0 && bytes < 150e3);
});

async function logIn(name, password) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
}

async function choose(item) {
  await page.getByRole('button', {name: /^Account/}).click();
  await page.getByRole('button', {name: item}).click();
}

const locked = await page.locator('main.login').count() > 0;
if (locked) {
  await step('a wrong password is told, the right one opens', async () => {
    allowed = [/status of 401/];
    assert(flags.user && flags.password, 'locked: --user and --password');
    await looksRight('live', 'login');
    await logIn(flags.user, flags.password + 'x');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByLabel('Password').inputValue(), '');
    await page.getByLabel('Password').fill(flags.password);
    await page.keyboard.press('Enter');
    await page.getByRole('navigation', {name: 'Pages'}).waitFor();
    await page.getByRole('button', {name: `Account ${flags.user}`}).click();
    await page.getByText('Log out').waitFor();
    await shot('menu');
    await page.keyboard.press('Escape');
    await counts(page.getByText('Log out'), 0);
  });
}

const lists = {
  people: (await ask('v1/people')).people ?? [],
  unknown: (await ask('v1/unknown')).people ?? [],
  videos: (await ask('v1/live')).videos ?? [],
  collections: ((await ask('v1/collections')).collections ?? []),
  archives: (await ask('v1/archive')).archives ?? [],
};
const usable = lists.collections.filter(
    (one) => !one.error && Number(one.items ?? 0) > 0);
const running = lists.videos.find((one) => one.state === 'running');
console.log(`   ${Object.entries(lists).map(
    ([name, list]) => `${list.length} ${name}`).join(', ')}`);

for (const [place, list] of Object.entries(
         {live: lists.videos, people: lists.people, search: lists.collections,
          archive: lists.archives, status: [1]})) {
  await step(`${place} looks right on a desktop and a phone`, async () => {
    await looksRight(place, place);
    const empty = await page.locator('.empty-title').count();
    if (list.length === 0) assert.equal(empty, 1, 'says how to begin');
  });
}

await step('every video is there, with its state', async () => {
  await open('live');
  for (const video of lists.videos) {
    const tile = page.locator('.tile', {hasText: video.name}).first();
    await tile.locator('.state').waitFor();
  }
});

if (running) {
  const place = `live/${encodeURIComponent(running.name)}`;
  await step('a video moves, and is followed by keys', async () => {
    await open(place);
    const picture = page.locator('.stage-picture canvas, .stage-picture img');
    await picture.first().waitFor();
    const looks = () => page.evaluate(() => {
      const canvas = document.querySelector('.stage-picture canvas');
      return canvas.width > 1 ? canvas.toDataURL().length +
          canvas.toDataURL().slice(-400) : '';
    });
    await page.waitForFunction(
        () => document.querySelector('.stage-picture canvas').width > 1);
    const before = await looks();
    await page.waitForFunction((before) => {
      const canvas = document.querySelector('.stage-picture canvas');
      return canvas.toDataURL().length + canvas.toDataURL().slice(-400) !==
          before;
    }, before);
    await page.keyboard.press('Space');
    await page.getByRole('button', {name: 'Go on'}).waitFor();
    await page.keyboard.press('Space');
    await page.getByRole('button', {name: 'Hold'}).waitFor();
    await looksRight(place, 'camera');
    await page.locator('main').focus();
    await page.keyboard.press('Escape');
    await page.waitForURL(/#\/live$/);
  });

  await step('boxes lie on the faces of the picture', async () => {
    await open(place);
    await page.locator('.face').first().waitFor();
    // A box is where the picture is, within a pixel for its border.
    const outside = await page.evaluate(() => {
      const at = document.querySelector('.stage-picture')
          .getBoundingClientRect();
      return [...document.querySelectorAll('.face')].filter((face) => {
        const box = face.getBoundingClientRect();
        return box.left < at.left - 1 || box.right > at.right + 1 ||
            box.top < at.top - 1 || box.bottom > at.bottom + 1;
      }).length;
    });
    assert.equal(outside, 0);
    await page.locator('button.face').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByLabel('Name').waitFor();
    await shot('name-face');
    await page.keyboard.press('Escape');
    await counts(page.locator('dialog'), 0);
    if (!flags.photo) return;
    await page.locator('button.face').first().click();
    await page.getByRole('dialog').getByLabel('Name').fill('Web Test Live');
    await page.keyboard.press('Enter');
    await page.getByText('Enrolled as Web Test Live').waitFor();
    await open('people/Web%20Test%20Live');
    await page.locator('.face-card').first().waitFor();
    await ask('v1/people/Web%20Test%20Live', 'DELETE');
  });
}

if (lists.videos.length > 1) {
  await step('arrows lead from camera to camera', async () => {
    const [first, second] = lists.videos.map(
        (video) => encodeURIComponent(video.name));
    await open(`live/${first}`);
    await page.locator('main').focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(
        (hash) => location.hash === hash, `#/live/${second}`);
    await page.locator('main').focus();
    await page.locator('.page-head .state').waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(
        (hash) => location.hash === hash, `#/live/${first}`);
  });
}

await step('people are listed, found and walked by arrows', async () => {
  await open('people');
  await counts(page.locator('.cards .card'), Math.min(lists.people.length, 240));
  if (lists.people.length < 2) return;
  await page.locator('.cards a').first().focus();
  await page.keyboard.press('ArrowRight');
  const second = await page.locator('.cards a').nth(1).evaluate(
      (one) => one === document.activeElement);
  assert(second, 'the arrow moves the focus');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/people\/./);
  await settled();
  const most = lists.people.reduce(
      (a, b) => Number(b.faces ?? 0) > Number(a.faces ?? 0) ? b : a);
  await looksRight(`people/${encodeURIComponent(most.name)}`, 'person');
  await counts(page.locator('.face-card'), Number(most.faces ?? 0));
});

if (flags.photo) {
  await step('somebody is enrolled, renamed, split, merged, forgotten',
             async () => {
    await open('people');
    await page.locator('input[type=file]').setInputFiles(flags.photo);
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox').fill(kHostile);
    await dialog.getByRole('button', {name: 'Enrol'}).click();
    await page.getByText('1 photo enrolled').waitFor();
    await page.getByRole('link', {name: kHostile}).click();
    await page.getByRole('heading', {name: kHostile}).waitFor();
    await page.locator('.face-card img').first().waitFor();
    await shot('hostile');

    await page.getByRole('button', {name: 'Rename'}).click();
    await dialog.getByRole('combobox').fill('Web Test');
    await dialog.getByRole('button', {name: 'Rename'}).click();
    await page.getByRole('heading', {name: 'Web Test', exact: true}).waitFor();
    await page.waitForURL(/#\/people\/Web%20Test$/);
    await settled();

    await page.locator('.face-card .pick').first().click();
    await page.getByRole('button', {name: 'Move to …'}).click();
    await dialog.getByRole('combobox').fill('Web Test Two');
    await shot('move');
    await dialog.getByRole('button', {name: 'Move'}).click();
    // Nobody is left, so the page of the other is shown.
    await page.waitForURL(/#\/people\/Web%20Test%20Two$/);
    await page.locator('.face-card').first().waitFor();

    await page.locator('.face-card .pick').first().focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', {name: 'Not Web Test Two'}).click();
    await dialog.getByRole('button', {name: 'Not Web Test Two'}).click();
    await page.locator('dialog').waitFor({state: 'detached'});
    const left = (await ask('v1/people')).people ?? [];
    for (const name of ['Web Test Two', 'Web Test', kHostile]) {
      if (!left.some((one) => one.name === name)) continue;
      await open(`people/${encodeURIComponent(name)}`);
      await page.getByRole('button', {name: 'Forget …'}).click();
      await dialog.getByRole('button', {name: `Forget ${name}`}).click();
      await page.waitForURL(/#\/people$/);
    }
    const after = (await ask('v1/people')).people ?? [];
    assert(!after.some((one) => /^Web Test/.test(one.name)));
  });

  await step('a person is merged into another', async () => {
    await open('people');
    // The same picture can't be two people's; one with other bytes can.
    const other = {
      name: 'other.jpg',
      mimeType: 'image/jpeg',
      buffer: Buffer.concat([readFileSync(flags.photo), Buffer.from([0])]),
    };
    for (const [name, photo] of
         [['Web Test A', flags.photo], ['Web Test B', other]]) {
      await page.locator('input[type=file]').setInputFiles(photo);
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox').fill(name);
      await dialog.getByRole('button', {name: 'Enrol'}).click();
      await page.getByRole('link', {name}).waitFor();
    }
    await open('people/Web%20Test%20A');
    await page.getByRole('button', {name: 'Merge …'}).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox').fill('Web Test B');
    await dialog.getByRole('button', {name: 'Merge'}).click();
    await page.waitForURL(/#\/people\/Web%20Test%20B$/);
    const names = ((await ask('v1/people')).people ?? [])
        .map((one) => one.name);
    assert(!names.includes('Web Test A') && names.includes('Web Test B'));
    await ask('v1/people/Web%20Test%20B', 'DELETE');
  });

  if (flags.group) {
    await step('naming somebody unknown enrols them', async () => {
      allowed = [/status of 404/];  // Pictures of who goes while they load.
      // Who looks like somebody that was enrolled is unknown no more.
      await open('status');
      await ask('v1/recognize', 'POST', {
        image: {data: readFileSync(flags.group).toString('base64')},
      });
      const before = (await ask('v1/unknown')).people ?? [];
      assert(before.length > 0, 'nobody unknown is remembered');
      await open('people');
      await page.locator('.unknown').first()
          .getByRole('button', {name: 'Name'}).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox').fill('Web Test Unknown');
      await shot('name-unknown');
      await dialog.getByRole('button', {name: 'Save'}).click();
      await page.getByRole('link', {name: 'Web Test Unknown'}).waitFor();
      const left = (await ask('v1/unknown')).people ?? [];
      assert(before.some((one) => !left.some(({id}) => id === one.id)));
      await ask('v1/people/Web%20Test%20Unknown', 'DELETE');
    });
  }

  if (flags.group) {
    await step('of several in a photo one is chosen', async () => {
      allowed = [/status of 4\d\d/];
      await open('people');
      await page.locator('input[type=file]').setInputFiles(flags.group);
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox').fill('Web Test');
      await dialog.getByRole('button', {name: 'Enrol'}).click();
      await page.getByRole('button', {name: 'Choose one'}).click();
      await dialog.locator('.face').nth(1).waitFor();
      await shot('choose-face');
      await dialog.locator('.face').first().focus();
      await page.keyboard.press('Enter');
      await page.getByText('1 photo enrolled').waitFor();
      await ask('v1/people/Web%20Test', 'DELETE');
    });
  }

  await step('a file that is no picture is named, with the reason', async () => {
    allowed = [/status of 4\d\d/];
    await open('people');
    await page.locator('input[type=file]').setInputFiles(
        {name: 'note.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no')});
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox').fill('Web Test');
    await dialog.getByRole('button', {name: 'Enrol'}).click();
    await page.locator('.uploads li', {hasText: 'note.jpg'}).waitFor();
    await shot('upload-failed');
  });
}

if (usable.length > 0) {
  await step('a picture is searched, and a hit leads on', async () => {
    await open(`search?in=${encodeURIComponent(usable[0].name)}`);
    if (flags.photo) {
      await page.locator('input[type=file]').setInputFiles(flags.photo);
    } else {
      await page.evaluate(async () => {
        const data = new DataTransfer();
        const canvas = new OffscreenCanvas(64, 48);
        canvas.getContext('2d').fillRect(8, 8, 20, 20);
        const blob = await canvas.convertToBlob({type: 'image/png'});
        data.items.add(new File([blob], 'drawn.png', {type: 'image/png'}));
        document.querySelector('.drop-zone').dispatchEvent(
            new DragEvent('drop', {bubbles: true, dataTransfer: data}));
      });
    }
    await page.locator('.hit').first().waitFor();
    await page.locator('.hit .pick').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.waitForURL(/like=/);
    await page.locator('.hit').first().waitFor();
    await looksRight(page.url().split('#/')[1], 'search-hits');
    await page.goBack();
  });

  await step('a filter leaves only what has it', async () => {
    await open(`search?in=${encodeURIComponent(usable[0].name)}`);
    const filter = page.getByLabel('Add a filter on metadata');
    await filter.fill('nonsense');
    await filter.press('Enter');
    await page.locator('.notice.bad').waitFor();
    await filter.fill('no-such-thing=1');
    await filter.press('Enter');
    await page.getByRole('button', {name: /Remove the filter/}).click();
    await page.locator('.chip.on').waitFor({state: 'detached'});
  });

  if (usable.length > 1) {
    await step('two collections answer side by side', async () => {
      const [a, b] = usable.map((one) => encodeURIComponent(one.name));
      await open(`search?in=${a}&beside=${b}`);
      await page.locator('input[type=file]').setInputFiles(flags.photo ?? {
        name: 'dot.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(
            '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      });
      await page.locator('.results').nth(1).locator('.hit').first().waitFor();
      await shot('search-beside');
    });
  }
  const reads = usable.find((one) => one.readsText);
  if (reads) {
    await step('a text is searched', async () => {
      await open(`search?in=${encodeURIComponent(reads.name)}`);
      await page.getByLabel('Describe a picture').fill('a horse');
      await page.keyboard.press('Enter');
      await page.waitForURL(/text=a\+horse/);
      await page.locator('.hit').first().waitFor();
    });
  }
}

for (const archive of lists.archives.slice(0, 1)) {
  const place = `archive/${encodeURIComponent(archive.name)}`;
  const seq = async () => Number(
      await page.getByLabel('Frame', {exact: true}).inputValue());
  await step('an archive is walked, played and verified', async () => {
    await open(place);
    await page.locator('.strip button').first().waitFor();
    await page.locator('.stamp strong', {hasText: ':'}).waitFor();
    const first = await seq();
    await page.locator('main').focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction((first) =>
        Number(document.querySelector('input[type=range]').value) > first,
        first);
    await page.keyboard.press('End');
    await page.waitForFunction(() => {
      const range = document.querySelector('input[type=range]');
      return range.value === range.max;
    });
    await page.keyboard.press('Home');
    await page.waitForFunction(() => {
      const range = document.querySelector('input[type=range]');
      return range.value === range.min;
    });
    await page.keyboard.press('Space');
    await page.waitForFunction((first) =>
        Number(document.querySelector('input[type=range]').value) > first + 2,
        first);
    await page.keyboard.press('Space');
    await page.getByRole('button', {name: 'Play'}).waitFor();
    await page.getByRole('button', {name: 'Check sizes'}).click();
    await page.locator('.verdict').waitFor();
    await shot('archive-verified');
    await looksRight(place, 'archive-frames');
    await page.locator('main').focus();
    await page.keyboard.press('Escape');
    await page.waitForURL(/#\/archive$/);
  });
}

await step('the charts move', async () => {
  await open('status');
  await page.locator('.uplot canvas').first().waitFor();
  const requests = () => page.locator('.facts dd').nth(4).innerText();
  const before = await requests();
  await page.waitForFunction(
      (before) => document.querySelectorAll('.facts dd')[4].innerText !==
          before, before);
});

if (locked) {
  await step('keys and changes look right', async () => {
    await looksRight('access', 'access');
  });
  await step('a key is made, shown once, and revoked', async () => {
    await open('access');
    const name = `web test ${Date.now()}`;
    await page.getByRole('button', {name: 'Make a key'}).click();
    await page.getByLabel('For which program?').fill(name);
    await page.getByLabel('It may').selectOption('write');
    await page.getByRole('button', {name: 'Make', exact: true}).click();
    const text = await page.locator('.key-text').innerText();
    assert.match(text, /^ocelli_/);
    await shot('key');
    await page.getByRole('button', {name: 'Done'}).click();
    const made = await page.evaluate(async (text) => (await fetch(
        'v1/people', {headers: {Authorization: `Bearer ${text}`},
                      credentials: 'omit'})).status, text);
    assert.equal(made, 200);
    await page.getByRole('button', {name: `Revoke ${name}`}).click();
    await page.getByRole('button', {name: 'Revoke', exact: true}).last()
        .click();
    await page.locator('dialog').waitFor({state: 'detached'});
    await page.getByRole('row', {name}).getByText('revoked').waitFor();
    allowed = [/status of 401/];
    const refused = await page.evaluate(async (text) => (await fetch(
        'v1/people', {headers: {Authorization: `Bearer ${text}`},
                      credentials: 'omit'})).status, text);
    assert.equal(refused, 401);
    await open('status');
    await open('access');
    await page.locator('.changes li').first().waitFor();
  });
}

await step('keys alone reach everything, and the focus is seen', async () => {
  await page.goto('about:blank');
  await open('people');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className),
               'skip');
  const seen = new Set();
  for (let press = 0; press < 14; ++press) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return {
        what: element.getAttribute('href') ?? element.outerHTML.slice(0, 80),
        seen: element === document.body ||
            (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth)),
      };
    });
    assert(focus.seen, `no outline: ${focus.what}`);
    seen.add(focus.what);
  }
  for (const page of ['live', 'people', 'search', 'archive', 'status']) {
    assert(seen.has(`#/${page}`), `Tab does not reach ${page}`);
  }
});

await step('the colours are chosen by hand too', async () => {
  const colour = () => page.evaluate(
      () => getComputedStyle(document.body).backgroundColor);
  await inColours('dark');
  const dark = await colour();
  await page.getByRole('button', {name: /Colours of the system/}).click();
  assert.notEqual(await colour(), dark);
  await page.reload();
  await settled();
  assert.notEqual(await colour(), dark);
  await page.getByRole('button', {name: /^Light/}).click();
  await page.getByRole('button', {name: /^Dark/}).click();
  assert.equal(await colour(), dark);
});

await step('an unknown place leads back', async () => {
  await open('nowhere');
  await page.getByText('There is no such page').waitFor();
  allowed = [/status of 404/];
  await open('people/Nobody%20of%20this%20name');
  await page.getByRole('alert').waitFor();
  await open('live/nothing');
  await page.getByText('There is no video called nothing').waitFor();
});

await step('a service that is gone is told, and found again', async () => {
  allowed = [/ERR_INTERNET_DISCONNECTED/, /WebSocket/];
  await open('status');
  await context.setOffline(true);
  await page.getByText('the service does not answer').waitFor();
  await shot('offline');
  await context.setOffline(false);
  await page.getByText('the service does not answer')
      .waitFor({state: 'detached'});
});

if (locked) {
  await step('who logs out sees nothing more', async () => {
    allowed = [/status of 401/];
    await open('status');
    await choose('Log out');
    await page.locator('main.login').waitFor();
    await page.reload();
    await page.locator('main.login').waitFor();
  });

  await step('a password is changed, and the old one opens no more', async () => {
    allowed = [/status of 40[13]/];
    const fresh = flags.password + ' too';
    for (const [old, next] of [[flags.password, fresh],
                               [fresh, flags.password]]) {
      await logIn(flags.user, old);
      await choose('Change password');
      await page.getByLabel('Password now').fill(old + 'x');
      await page.getByLabel('New password', {exact: true}).fill(next);
      await page.getByLabel('New password again').fill(next);
      await page.keyboard.press('Enter');
      await page.getByText('Not your password').waitFor();
      await page.getByLabel('Password now').fill(old);
      await page.getByLabel('New password', {exact: true}).fill(next);
      await page.getByLabel('New password again').fill(next);
      await page.keyboard.press('Enter');
      await page.locator('main.login').waitFor();
    }
    await logIn(flags.user, fresh);
    await page.getByRole('alert').waitFor();
  });
}

if (locked && flags.reader) {
  await step('who may only read is offered nothing else', async () => {
    allowed = [/status of 401/];
    await logIn(flags.reader, flags['reader-password']);
    await page.getByRole('navigation', {name: 'Pages'}).waitFor();
    const places = ['live', 'people', ...lists.people.slice(0, 1).map(
        (one) => `people/${encodeURIComponent(one.name)}`)];
    for (const place of places) {
      await open(place);
      for (const word of ['Follow a video', 'Add photos', 'Rename', 'Merge …',
                          'Forget …', 'Forget', 'Name']) {
        assert.equal(await page.getByRole('button', {name: word, exact: true})
                         .count(), 0, `${place}: ${word}`);
      }
    }
    await choose('Log out');
  });
}

await browser.close();
if (failed) console.log(`${failed} steps failed`);
process.exitCode = failed ? 1 : 0;
