/**
 * Read what lies on the sheet, and show what was read.
 *
 * In: the sheet's changes, picture files, the answers of /v1. Out: the result area, corrections.
 * Every error becomes words in the result area.
 */

import { Sheet } from "./draw.js";

const LIVE_REST_MS = 60; // between readings during a stroke: enough for the eye, gentle on the server
const MOST_TRIES = 4; // of a request that a busy server turns away
const TOKEN = "inkdigits-token"; // its key in sessionStorage
const SALIENCY_FLOOR = 0.05; // share of probability; less is not worth the full colour
const DIGITS = [...Array(10).keys()];
const HOW_TO_SHOW = "or drop or paste one anywhere";
const LIKELY = [
  [0.99, "Almost certain"],
  [0.9, "Very likely"],
  [0.7, "Likely"],
  [0, "Perhaps"],
];
const DOUBTS = {
  blank: () => ["Blank", "I see paper, but no ink."],
  "several digits": () => ["More than one digit", "I read one at a time."],
  "no digit": () => ["I see no digit", "I know 0 to 9, written by hand."],
  unsure: (digit, share) => [`Not sure: perhaps ${withArticle(digit)}`, `${share} is too little to rely on.`],
};

const find = (id) => document.getElementById(id);
const result = find("result");
const sheet = new Sheet(find("sheet"), sheetChanged);
const bars = DIGITS.map(makeBar);
const companions = new WeakMap(); // picture file → how many were dropped or chosen with it

let model = null; // what /v1/model says
let request = null; // the reading under way: an AbortController that knows whether it is settled
let outdated = false; // the sheet changed during a live reading
let shown = null; // { picture, reading }: what the result area shows

// ---- Asking the service ----

class ServiceError extends Error {
  constructor(status, words) {
    super(words);
    this.status = status; // 0: no answer at all
  }
}

/** The JSON that `path` answers. body: a Blob, which is posted. Throws ServiceError or AbortError. */
async function ask(path, { body, signal } = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  for (let tries = 1; ; tries += 1) {
    const answer = await send(path, { method: body ? "POST" : "GET", body, headers, signal });
    if (answer.ok) return answer.json();
    if (answer.status !== 503 || tries === MOST_TRIES) {
      throw new ServiceError(answer.status, await wordsOf(answer));
    }
    await pause(1000 * (Number(answer.headers.get("Retry-After")) || 1));
  }
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The server does not answer. Is it still running?");
  }
}

/** The server's own words; something between us and it may answer without any. */
async function wordsOf(answer) {
  const told = await answer.json().catch(() => null);
  return asSentence(told?.error ?? `The server answered ${answer.status} ${answer.statusText}`);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ---- Reading ----

/** During a stroke one request at a time, at its end at once. */
function sheetChanged({ settled }) {
  find("source").textContent = sheet.picture ? aboutPicture(sheet.picture) : HOW_TO_SHOW;
  if (sheet.empty) {
    stopReading();
    showEmpty();
  } else if (!settled && request && !request.settled) {
    outdated = true;
  } else {
    readSheet(settled);
  }
}

async function readSheet(settled) {
  stopReading();
  const mine = (request = Object.assign(new AbortController(), { settled }));
  if (sheet.picture || !shown) showWaiting();
  try {
    const picture = await sheet.blob();
    const reading = await ask("/v1/read?array=true", { body: picture, signal: mine.signal });
    if (mine !== request) return; // a newer one has begun
    shown = { picture, reading };
    showReading();
    if (!model) loadModel();
    if (settled) {
      announceReading();
      await explain(mine.signal);
    } else {
      await pause(LIVE_REST_MS);
    }
  } catch (error) {
    if (mine === request) showError(error);
  }
  if (mine !== request) return;
  request = null;
  if (outdated) readSheet(false);
}

function stopReading() {
  request?.abort();
  request = null;
  outdated = false;
}

/** Fetch what mattered for the reading shown, if it is wanted and not known yet. */
async function explain(signal) {
  const told = shown;
  if (!told || !find("mattered").checked || told.saliency || told.reading.reason === "blank") return;
  try {
    const answer = await ask("/v1/read?saliency=true", { body: told.picture, signal });
    told.saliency = answer.saliency;
  } catch (error) {
    if (error.name === "AbortError") return; // the sheet has changed: nobody waits for it any more
    told.unexplained = error.message;
  }
  if (told === shown) showSeen();
}

async function loadModel() {
  try {
    model = await ask("/v1/model");
  } catch (error) {
    showError(error);
    return;
  }
  find("model").textContent = `Model ${model.name} ${model.sha256.slice(0, 8)}. `;
  if (model.keeps_corrections) {
    find("stored").textContent = "Pictures are read by this server and not stored unless you correct a reading.";
    find("keys").append(" A digit’s key goes to its correction.");
  }
  find("corrections").hidden = !model.keeps_corrections || !shown;
}

function startAgain() {
  if (sheet.empty) showEmpty();
  else readSheet(true);
  if (!model) loadModel();
}

// ---- Showing what was read ----

function show({ state, sign = "", verdict, detail = "" }) {
  result.dataset.state = state;
  delete result.dataset.digit;
  find("digit").textContent = sign;
  find("verdict").textContent = verdict;
  find("detail").textContent = detail;
  find("again").hidden = find("token-form").hidden = true;
}

function showEmpty() {
  forget();
  show({ state: "empty", verdict: "Draw a digit", detail: "It is read while you draw." });
}

function showWaiting() {
  forget();
  show({ state: "reading", verdict: "Reading…" });
}

function showError(error) {
  forget();
  show({ state: "error", verdict: "That did not work", detail: error.message });
  if (error.status === 401) wantToken();
  find("again").hidden = !(error.status === 0 || error.status === 408 || error.status >= 500);
  say(find("detail").textContent);
}

/** Take the last reading off the page. */
function forget() {
  shown = null;
  sheet.showBox(null);
  showBars(null);
  showSeen();
  find("corrections").hidden = true;
}

function showReading() {
  const { digit, confidence, probabilities, accepted, reason, box } = shown.reading;
  const share = percent(confidence);
  if (accepted) {
    const [, words] = LIKELY.find(([least]) => confidence >= least);
    show({ state: "read", sign: digit, verdict: words, detail: share });
  } else {
    const [verdict, detail] = DOUBTS[reason]?.(digit, share) ?? [asSentence(reason), ""];
    show({ state: "doubt", sign: reason === "unsure" ? digit : "?", verdict, detail });
  }
  result.dataset.digit = digit;
  sheet.showBox(box);
  showBars(probabilities, digit);
  showSeen();
  offerCorrections();
}

function announceReading() {
  const { digit, confidence, accepted } = shown.reading;
  say(accepted ? `Read ${digit}, ${percent(confidence)}` : find("verdict").textContent);
}

function say(words) {
  find("said").textContent = words;
}

function makeBar(digit) {
  const row = document.createElement("li");
  const parts = ["name", "track", "share"].map((part) => {
    const element = document.createElement("span");
    element.className = part;
    return element;
  });
  const [name, track, share] = parts;
  const fill = document.createElement("span");
  name.textContent = digit;
  track.append(fill);
  row.append(...parts);
  find("bars").append(row);
  return { row, fill, share };
}

/** probabilities: ten numbers, or null for none. */
function showBars(probabilities, winner) {
  bars.forEach(({ row, fill, share }, digit) => {
    row.classList.toggle("winner", digit === winner);
    fill.style.transform = `scaleX(${probabilities?.[digit] ?? 0})`;
    share.textContent = probabilities ? percent(probabilities[digit]) : "";
  });
}

/** The 28x28 array in ink on paper, and what mattered as a tint over it. */
function showSeen() {
  const { reading, saliency, unexplained } = shown ?? {};
  const wanted = find("mattered").checked;
  paintSeen(reading?.array, wanted ? saliency : null);
  find("seen").ariaLabel = reading ? "The digit as the network saw it, 28 by 28 pixels" : "Nothing seen yet";
  find("legend").classList.toggle("off", !wanted || !saliency);
  find("legend").querySelector("span").textContent = reading?.digit ?? "it";
  find("unexplained").textContent = (wanted && unexplained) || "";
}

function paintSeen(array = [], saliency = null) {
  const canvas = find("seen");
  const context = canvas.getContext("2d");
  const colours = getComputedStyle(canvas);
  const dot = (x, y, colour, alpha) => {
    context.fillStyle = colours.getPropertyValue(colour);
    context.globalAlpha = alpha;
    context.fillRect(x, y, 1, 1);
  };
  context.clearRect(0, 0, canvas.width, canvas.height);
  array.forEach((row, y) => row.forEach((ink, x) => dot(x, y, "--ink", ink)));
  const most = Math.max(SALIENCY_FLOOR, ...(saliency?.flat().map(Math.abs) ?? []));
  saliency?.forEach((row, y) =>
    row.forEach((loss, x) => dot(x, y, loss > 0 ? "--for" : "--against", (0.85 * Math.abs(loss)) / most)),
  );
}

/** Rounded down: 99.97 % is not 100. */
function percent(share) {
  return `${(Math.min(Math.floor(share * 1000), 999) / 10).toFixed(1)}\u00a0%`;
}

function withArticle(digit) {
  return digit === 8 ? "an 8" : `a ${digit}`;
}

function asSentence(words) {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

// ---- Pictures ----

function take(files) {
  const [file] = files;
  companions.set(file, files.length);
  if (file.type.startsWith("image/")) {
    sheet.show(file);
    return;
  }
  stopReading();
  const kind = file.type ? `is ${file.type}` : "is of no known kind";
  showError(new Error(`${file.name} ${kind}. Choose a picture, such as a PNG or JPEG file.`));
}

function aboutPicture(file) {
  const number = companions.get(file);
  return number > 1 ? `${file.name}, the first of ${number}. I read one at a time.` : file.name;
}

function takeOr(files, words) {
  if (files.length) take([...files]);
  else say((find("source").textContent = words));
}

function showDragging(isDragging) {
  document.body.classList.toggle("dragging", isDragging);
}

for (const input of [find("file"), find("photo")]) {
  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
}
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  showDragging(true);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) showDragging(false);
});
document.addEventListener("drop", (event) => {
  event.preventDefault(); // the browser would leave the page for the file
  showDragging(false);
  takeOr(event.dataTransfer.files, "That was no picture file.");
});
document.addEventListener("paste", (event) => {
  if (!isTyping(event)) takeOr(event.clipboardData.files, "There is no picture on the clipboard.");
});

// ---- Corrections ----

function offerCorrections() {
  find("corrections").hidden = !model?.keeps_corrections;
  find("corrected").textContent = "";
  lockCorrections(false);
}

function lockCorrections(isLocked) {
  for (const button of find("corrections").querySelectorAll("button")) button.ariaDisabled = isLocked;
}

async function correct(button) {
  if (button.ariaDisabled === "true") return;
  const told = shown;
  lockCorrections(true);
  let words = "Kept. Thank you.";
  try {
    await ask(`/v1/corrections?digit=${button.dataset.correct}`, { body: told.picture });
  } catch (error) {
    if (error.status === 401) wantToken();
    words = error.message;
  }
  if (told !== shown) return;
  find("corrected").textContent = words;
  if (words !== "Kept. Thank you.") lockCorrections(false);
}

for (const digit of DIGITS) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.correct = button.textContent = digit;
  button.addEventListener("click", () => correct(button));
  find("corrections").querySelector(".digits").append(button);
}
for (const place of [find("canvas"), find("corrections")]) {
  place.addEventListener("keydown", (event) => {
    if (/^[0-9]$/.test(event.key)) find("corrections").querySelector(`[data-correct="${event.key}"]`).focus();
  });
}

// ---- Token, tools, keys ----

function wantToken() {
  const wasSent = sessionStorage.getItem(TOKEN) !== null;
  sessionStorage.removeItem(TOKEN);
  find("verdict").textContent = "This server wants a token";
  find("detail").textContent = wasSent ? "That token was not accepted." : "Whoever runs the server can give you one.";
  find("token-form").hidden = false;
}

function isTyping(event) {
  return event.target.closest?.("input[type=password]");
}

find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, find("token").value.trim());
  find("token").value = "";
  startAgain();
});
find("again").addEventListener("click", startAgain);
find("undo").addEventListener("click", () => sheet.undo());
find("clear").addEventListener("click", () => sheet.clear());
find("width").addEventListener("input", () => (sheet.penWidth = find("width").valueAsNumber));
find("mattered").addEventListener("change", () => {
  showSeen();
  explain();
});
document.addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (isUndo) sheet.undo();
  else if (event.key === "Delete" || event.key === "Escape") sheet.clear();
  else return;
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showSeen);

sheet.penWidth = find("width").valueAsNumber; // a browser may have kept it from the last visit
loadModel();
