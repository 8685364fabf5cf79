/**
 * Ask the service.
 *
 * In: a path below /v1 and, to be posted, a picture. Out: the answer's JSON, or a ServiceError with
 * words for a person. Shows the token that this tab was given.
 */

const TOKEN = "inkdigits-token"; // its key in sessionStorage
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

/** What `path` answers. body: a Blob of an image type. method: by default what suits that. Throws ServiceError, or AbortError by `signal`. */
export async function ask(path, { body, signal, method = body ? "POST" : "GET" } = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  for (let tries = 1; ; tries += 1) {
    const answer = await send(path, { method, body, headers, signal });
    if (answer.ok) return answer.json();
    if (answer.status !== 503 || tries === MOST_TRIES) {
      throw new ServiceError(answer.status, await wordsOf(answer));
    }
    await pause(1000 * (Number(answer.headers.get("Retry-After")) || 1));
  }
}

export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
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

/** The server's own words; something between us and it may answer without any. */
async function wordsOf(answer) {
  const told = await answer.json().catch(() => null);
  const words = told?.error ?? `the server answered ${answer.status} ${answer.statusText}`;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`.replace(/([.!?…])\.$/, "$1");
}
