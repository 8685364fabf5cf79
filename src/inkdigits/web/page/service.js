/**
 * Ask the service.
 *
 * In: a path below /v1 and, to be posted, a picture. Out: the answer's JSON, or a ServiceError with
 * words for a person. Shows the token that this browser was given: in the page's address, once, from
 * where it goes into a cookie of this host that is never sent by itself to any other.
 */

const TOKEN = "inkdigits-token"; // the cookie's name
const MOST_TRIES = 4; // of a request that a busy server turns away

export class ServiceError extends Error {
  /** status: of the answer, 0 if there was none. */
  constructor(status, words) {
    super(words);
    this.status = status;
  }

  /** Whether the same request may go well later. */
  get mayPass() {
    return this.status === 0 || this.status === 408 || this.status >= 500;
  }
}

/** @typedef {{ body?: Blob, signal?: AbortSignal, method?: string }} Options */

/**
 * What `path` answers, JSON. body: a Blob of an image type. method: by default what suits that.
 *
 * Throws ServiceError, or AbortError by `signal`.
 *
 * @param {string} path
 * @param {Options} options
 * @returns {Promise<any>}
 */
export async function ask(path, options = {}) {
  return (await answerOf(path, options)).json();
}

/** A page of a PDF or TIFF as a picture that browsers show. number: 1 is the first. Throws as `ask` does. */
export async function pictureOf(file, number, signal) {
  const answer = await answerOf(`/v1/page?page=${number}`, { body: file, signal });
  return answer.blob();
}

/**
 * @param {string} path
 * @param {Options} options
 */
async function answerOf(path, { body, signal, method = body ? "POST" : "GET" }) {
  const token = keptToken();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  for (let tries = 1; ; tries += 1) {
    const answer = await send(path, { method, body, headers, signal });
    if (answer.ok) return answer;
    if (answer.status !== 503 || tries === MOST_TRIES) {
      throw new ServiceError(answer.status, await wordsOf(answer));
    }
    await pause(1000 * (Number(answer.headers.get("Retry-After")) || 1));
  }
}

export function keepToken(token) {
  document.cookie = `${TOKEN}=${encodeURIComponent(token)}; Path=/; SameSite=Strict`;
}

export function hasToken() {
  return keptToken() !== "";
}

function keptToken() {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${TOKEN}=`));
  return found ? decodeURIComponent(found.slice(TOKEN.length + 1)) : "";
}

const invited = new URLSearchParams(location.hash.slice(1)).get("token");
if (invited) {
  keepToken(invited);
  history.replaceState(null, "", location.pathname); // out of sight, and out of the history
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The server does not answer. Is it still running?");
  }
}

/** The server's own words, which are for programs where a file is none; something between may have none. */
async function wordsOf(answer) {
  if (answer.status === 415) return "Not a picture that can be read here. Save it as a JPEG or PNG.";
  const told = await answer.json().catch(() => null);
  const words = told?.error ?? `the server answered ${answer.status} ${answer.statusText}`;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`.replace(/([.!?…])\.$/, "$1");
}
