// Opens pages in Chromium and lets each upload files, one after the other. A JSON line comes on
// standard input: {"chromium", "visits": [{"url", "files": [path, …], "screenshots"?: path}]}; one
// goes to standard output: for each visit, for each file, {"status", "progress", "requests"}.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const DEADLINE = 60_000;

const { chromium: executablePath, visits } = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const outcomes = [];
  for (const visit of visits) {
    outcomes.push(await uploads(visit));
  }
  process.stdout.write(JSON.stringify(outcomes) + "\n");
} finally {
  await browser.close();
}

async function uploads({ url, files, screenshots }) {
  const page = await browser.newPage();
  page.setDefaultTimeout(DEADLINE);
  let requests = [];
  page.on("response", (response) => {
    const method = response.request().method();
    requests.push([method, response.url(), response.status()]);
  });
  await page.goto(url, { waitUntil: "networkidle" });
  const input = page.locator("input[type=file]");
  const outcomes = [];
  for (const file of files) {
    requests = [];
    const progress = page.evaluate(watchProgress);
    await input.setInputFiles(file);
    if (screenshots) {
      await Promise.race([progress, page.waitForFunction(moved).catch(() => undefined)]);
      await page.screenshot({ path: `${screenshots}-${outcomes.length}-on-its-way.png` });
    }
    const seen = await progress;
    const status = await page.locator("[role=status]").textContent();
    outcomes.push({ status, progress: seen, requests });
    if (screenshots) {
      await page.screenshot({ path: `${screenshots}-${outcomes.length - 1}-end.png` });
    }
  }
  await page.close();
  return outcomes;
}

/** Runs in the page: whether the progress bar shows something between nothing and all. */
function moved() {
  const bar = document.querySelector("progress");
  return bar.value > 0 && bar.value < bar.max;
}

/** Runs in the page: every value of the progress bar until the page takes another file. */
function watchProgress() {
  return new Promise((done) => {
    const seen = [];
    const input = document.querySelector("input");
    const bar = document.querySelector("progress");
    new MutationObserver(() => seen.push(bar.value)).observe(bar, { attributeFilter: ["value"] });
    new MutationObserver(() => input.disabled || setTimeout(() => done(seen))).observe(input, {
      attributeFilter: ["disabled"],
    });
  });
}
