/**
 * Read what lies on the sheet.
 *
 * In: the sheet's changes, pictures, buttons and keys. Out: questions to the service, and what it
 * answers handed to the result area. Every error becomes words there.
 */

import { Corrections } from "./corrections.js";
import { Sheet } from "./draw.js";
import { isDocument, listenForPictures } from "./pictures.js";
import { Pile } from "./pile.js";
import * as result from "./result.js";
import { ask, hasToken, keepToken, pause, pictureOf } from "./service.js";

const LIVE_REST_MS = 60; // between readings during a stroke: enough for the eye, gentle on the server
const HOW_TO_SHOW = "or drop or paste some anywhere";

/** @type {(id: string) => any} */
const find = (id) => document.getElementById(id);
const sheet = new Sheet(find("sheet"), sheetChanged, choose);
const corrections = new Corrections({ ask, changed: correctedNow, refused: fail });
const pile = new Pile(find("pile"), {
  ask,
  pictureOf,
  open: (picture, isAsked) => {
    sheet.show(picture);
    if (isAsked) find("sheet").scrollIntoView({ block: "nearest" });
  },
  refuse,
  corrected: (picture, page) => corrections.applied(picture, page),
});

let model = null; // what /v1/model says
let request = null; // the reading under way: an AbortController, whether it is settled, and the picture asked about
let outdated = false; // the sheet changed during a live reading
let shown = null; // { picture, read, page, chosen, saliency, unexplained }: what the result area shows

// ---- Reading ----

/** During a stroke one request at a time, at its end at once or, if that reads all of it, none. */
function sheetChanged({ settled }) {
  find("source").textContent = sheet.picture?.name ?? HOW_TO_SHOW;
  find("source").classList.toggle("hint", !sheet.picture);
  find("pen").hidden = Boolean(sheet.picture);
  find("enlarge").hidden = !sheet.picture;
  find("enlarge").ariaPressed = sheet.isEnlarged;
  if (sheet.empty) {
    stopReading();
    forgetReading();
    result.showEmpty();
  } else if (!settled && request && !request.settled) {
    outdated = true;
  } else if (settled && request?.picture === sheet.blob()) {
    request.settled = true;
    outdated = false;
  } else {
    readSheet(settled);
  }
}

async function readSheet(settled) {
  stopReading();
  const mine = (request = Object.assign(new AbortController(), { settled }));
  if (sheet.picture || !shown) {
    forgetReading();
    result.showWaiting(sheet.picture?.name);
  }
  try {
    await readOnce(mine);
  } catch (error) {
    if (mine === request) fail(error);
  }
  if (mine !== request) return;
  request = null;
  if (outdated) readSheet(false);
}

async function readOnce(mine) {
  const picture = sheet.blob();
  if (picture !== shown?.picture) {
    mine.picture = picture;
    const read = await ask("/v1/read?array=true", { body: picture, signal: mine.signal });
    if (mine !== request) return; // a newer one has begun
    mine.picture = null;
    const page = corrections.applied(picture, read); // it may be a picture of a while ago
    shown = { picture, read, page, chosen: leastSure(page.digits), saliency: new Map(), unexplained: "" };
    result.showPage(page, choose);
    showChosen();
    if (!model) loadModel();
  } else {
    showChosen(); // the sheet that changed has no frames
  }
  if (mine.settled) {
    result.announce(shown.page);
    await explain(mine.signal);
  } else {
    await pause(LIVE_REST_MS);
  }
}

function stopReading() {
  request?.abort();
  request = null;
  outdated = false;
}

function forgetReading() {
  shown = null;
  sheet.showBoxes([]);
  showSeen();
  offerCorrections();
}

function fail(error) {
  forgetReading();
  if (error.status === 401) result.showTokenForm(hasToken());
  else result.showError(error.message, { again: error.mayPass });
}

/** Something could not be laid on the sheet: what lies there stays. */
function refuse(error) {
  stopReading();
  fail(error);
}

function clearAll() {
  pile.clear();
  sheet.clear();
}

function startAgain() {
  if (!model) loadModel();
  sheetChanged({ settled: true });
}

// ---- One digit of those read, and what mattered in it ----

/** The index of the digit that most needs a look; undefined where there is none. */
function leastSure(digits) {
  const least = Math.min(...digits.map(({ confidence }) => confidence));
  return digits.length ? digits.findIndex(({ confidence }) => confidence === least) : undefined;
}

/** Somebody asks to see more of a digit. */
function choose(index) {
  if (!shown) return;
  shown.chosen = index;
  showChosen();
  explain();
}

function showChosen() {
  const { page, chosen } = shown;
  const state = ({ accepted }) => (accepted ? "sure" : "doubt");
  const digits = page.digits.map((digit, index) => ({
    box: digit.box,
    state: `${digit.digit === null ? "gone" : state(digit)}${index === chosen && page.digits.length > 1 ? " chosen" : ""}`,
  }));
  const signs = page.signs.map((sign) => ({ box: sign.box, state: `sign ${state(sign)}` }));
  sheet.showBoxes([...digits, ...signs], page.turned);
  result.showChosen(page, chosen);
  showSeen();
  offerCorrections();
}

/** Ask what mattered for the digit chosen, if that is asked for and not known yet. */
async function explain(signal) {
  const told = shown;
  const index = told?.chosen;
  if (index === undefined || !find("mattered").checked || told.saliency.has(index)) return;
  try {
    const answer = await ask(`/v1/read?saliency=${index}`, { body: told.picture, signal });
    told.saliency.set(index, answer.digits[index].saliency);
    told.unexplained = "";
  } catch (error) {
    if (error.name === "AbortError") return; // the sheet has changed: nobody waits for it any more
    told.unexplained = error.message;
  }
  if (told === shown) showSeen();
}

function showSeen() {
  const { page, chosen, saliency, unexplained } = shown ?? {};
  const isWanted = find("mattered").checked;
  result.showSeen({ ...page?.digits[chosen], ...(isWanted && { saliency: saliency?.get(chosen), unexplained }) });
}

// ---- The model, corrections ----

/** A digit of a picture was corrected, or that was taken back. */
function correctedNow(picture) {
  pile.tell(picture);
  if (shown?.picture !== picture) return;
  shown.page = corrections.applied(picture, shown.read);
  result.showPage(shown.page, choose);
  showChosen();
}

function offerCorrections() {
  corrections.offer(model?.keeps_corrections ? shown : null);
}

async function loadModel() {
  try {
    model = await ask("/v1/model");
  } catch (error) {
    fail(error);
    return;
  }
  find("model").textContent = `Model ${model.name} ${model.identity.slice(0, 8)}. `;
  if (model.keeps_corrections) {
    find("stored").textContent = "Pictures are read by this server and not stored unless you correct a reading.";
    find("keys").append(" A digit’s key goes to its correction.");
  }
  offerCorrections();
}

// ---- Pictures, tools, keys, token ----

listenForPictures({
  take: (files) => {
    if (files.length > 1 || isDocument(files[0])) {
      pile.lay(files);
      return;
    }
    pile.clear();
    sheet.show(files[0]);
  },
  refuse: (words) => refuse(new Error(words)),
});
find("undo").addEventListener("click", () => sheet.undo());
find("clear").addEventListener("click", clearAll);
find("width").addEventListener("input", () => (sheet.penWidth = find("width").valueAsNumber));
find("enlarge").addEventListener("click", () => {
  sheet.isEnlarged = !sheet.isEnlarged;
  find("enlarge").ariaPressed = sheet.isEnlarged;
});
find("again").addEventListener("click", startAgain);
find("mattered").addEventListener("change", () => {
  showSeen();
  explain();
});
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(find("token").value.trim());
  find("token").value = "";
  startAgain();
});
document.addEventListener("keydown", (event) => {
  if (event.target === find("token")) return;
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (isUndo) sheet.undo();
  else if (event.key === "Delete" || event.key === "Escape") clearAll();
  else return;
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showSeen);

sheet.penWidth = find("width").valueAsNumber; // a browser may have kept it from the last visit
showSeen();
loadModel();
