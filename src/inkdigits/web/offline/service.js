/**
 * Ask this browser's own reader: what page/service.js is where there is a server.
 *
 * In: a path below /v1 and a picture. Out: the answer, or a ServiceError with words for a person.
 */

const worker = new Worker(new URL("../offline/worker.js", import.meta.url), { type: "module" });
const asked = new Map(); // by id: { resolve, reject }
let lastId = 0;
let broken = null; // the error, once the worker's own modules could not be loaded

export class ServiceError extends Error {
  /** mayPass: whether the same question may go well later. */
  constructor(words, mayPass) {
    super(`${words.charAt(0).toUpperCase()}${words.slice(1)}.`.replace(/([.!?…])\.$/, "$1"));
    this.mayPass = mayPass;
  }
}

worker.addEventListener("message", ({ data: { id, answer, error, isPictures } }) => {
  const { resolve, reject } = asked.get(id) ?? {};
  asked.delete(id);
  if (answer) resolve?.(answer);
  else reject?.(new ServiceError(error, !isPictures));
});
worker.addEventListener("error", () => {
  broken = new ServiceError("The reader could not be loaded. Reload the page", false);
  for (const { reject } of asked.values()) reject(broken);
});

/**
 * What `path` answers. body: a picture. Throws ServiceError, or AbortError by `signal`.
 *
 * @param {string} path
 * @param {{ body?: Blob, signal?: AbortSignal }} options
 * @returns {Promise<any>}
 */
export function ask(path, { body, signal } = {}) {
  const id = (lastId += 1);
  return new Promise((resolve, reject) => {
    if (broken) throw broken;
    asked.set(id, { resolve, reject });
    signal?.addEventListener("abort", () => {
      asked.delete(id);
      worker.postMessage({ id });
      reject(signal.reason);
    });
    worker.postMessage({ id, path, picture: body });
  });
}

/** Browsers that read a TIFF read its first page; a PDF is refused with words when it is asked about. */
export async function pictureOf(file) {
  return file;
}

/** No server here requires a token. */
export const keepToken = () => {};
export const hasToken = () => false;

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
