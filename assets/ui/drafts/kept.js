/* What this browser keeps of drafts until the server has them: the network, the server or the tab may go at any
 * moment, and Gradio loads the page anew when a lost server is back.
 *
 * A copy is {key, name, tab, author, version, regions, answer, at}, under the draft's key and the tab's own number.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const PREFIX = "sayo.draft.";
  const BROWSER = "sayo.browser";
  const MOST = 20;
  const numbered = () => [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");

  const tab = numbered();
  const placeOf = (copy) => `${PREFIX}${copy.key}.${copy.tab}`;
  const isCopy = (it) => it && Array.isArray(it.regions) && typeof it.answer === "string" && typeof it.key === "string";

  const read = (place) => {
    try {
      const copy = JSON.parse(localStorage.getItem(place));
      return isCopy(copy) ? copy : null;
    } catch {
      return null;
    }
  };

  /* All copies, the newest first; none where the browser keeps nothing. */
  const all = () => {
    try {
      const places = Object.keys(localStorage).filter((it) => it.startsWith(PREFIX));
      return places.map(read).filter(Boolean).sort((one, other) => (one.at < other.at ? 1 : -1));
    } catch {
      return [];
    }
  };

  /* False where there is no room, or no storage at all. */
  const put = (copy) => {
    try {
      localStorage.setItem(placeOf(copy), JSON.stringify(copy));
    } catch {
      return false;
    }
    all().slice(MOST).forEach(drop);
    return true;
  };

  const drop = (copy) => {
    try {
      localStorage.removeItem(placeOf(copy));
    } catch {
      // nothing was kept then
    }
  };

  /* A number of this browser's own, so that people without a name do not share a draft. */
  const browser = () => {
    try {
      const known = localStorage.getItem(BROWSER);
      if (/^[0-9a-f]{32}$/.test(known || "")) return known;
      localStorage.setItem(BROWSER, tab);
    } catch {
      // without storage it is the tab's
    }
    return tab;
  };

  sayo.kept = { tab, browser: browser(), all, put, drop, of: (key) => all().filter((it) => it.key === key) };
})();
