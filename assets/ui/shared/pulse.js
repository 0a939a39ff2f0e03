// @ts-check
/* What changes by itself on the page (runs, the model): the server is asked for its mark, and answers once it is
 * another one. A tab that is hidden asks nothing.
 */

const PAUSE_MS = 5000;

/**
 * @typedef {object} World
 * @property {(path: string, signal: AbortSignal) => Promise<string>} fetchMark
 * @property {() => boolean} hidden
 * @property {(act: () => void) => void} onVisibility
 * @property {(ms: number) => Promise<void>} rest
 */

/** @type {World} */
const PAGE = {
  fetchMark: async (path, signal) => {
    const answer = await fetch(path, { cache: "no-store", signal });
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()).mark;
  },
  hidden: () => document.hidden,
  onVisibility: (act) => document.addEventListener("visibilitychange", act),
  rest: (ms) => new Promise((done) => setTimeout(done, ms)),
};

/**
 * @param {{ trigger: (event: string) => void }} component
 * @param {string} event triggered with each new mark
 * @param {World} world
 */
export const mountPulse = ({ trigger }, event, world = PAGE) => {
  let seen = "";
  let asking = false;
  let request = new AbortController();

  const listen = async () => {
    if (asking) return;
    asking = true;
    while (!world.hidden()) {
      request = new AbortController();
      try {
        const mark = await world.fetchMark(`pulse?seen=${seen}`, request.signal);
        if (mark !== seen) {
          seen = mark;
          trigger(event);
        }
      } catch {
        // Hidden, signed out, or the server starts anew: in the end it answers, or the tab is closed.
        if (!world.hidden()) await world.rest(PAUSE_MS);
      }
    }
    asking = false;
  };
  world.onVisibility(() => (world.hidden() ? request.abort() : void listen()));
  void listen();
};
