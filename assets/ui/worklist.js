/* Keys of the work list. A letter works wherever neither a text field nor the viewer wants it; with Alt it works
 * everywhere, as do Ctrl+Enter and the page keys.
 */
(() => {
  const sayo = (window.sayo ??= {});
  if (sayo.workKeySheet) return;
  const { el } = sayo;

  const button = (name) => () => document.querySelector(`#corrections-${name}`)?.click();
  const field = (name) => () => document.querySelector(`#corrections-${name} :is(textarea, input)`)?.focus();
  const onward = () => {
    if (visible("#corrections-detail")) return button("next")();
    document.querySelector("#corrections-gallery .sc-card")?.click();
  };
  const LETTERS = {
    KeyN: onward,
    KeyP: button("previous"),
    KeyT: field("answer"),
    KeyM: button("ask"),
    KeyS: field("reason"),
    KeyG: button("flag"),
    KeyY: button("accept"),
    KeyR: field("comment"),
  };
  const SHEET = [
    ["Ctrl+Enter", "submit, go to the next"],
    ["N or Alt+PageDown", "next; opens the first one"],
    ["P or Alt+PageUp", "previous"],
    ["T", "type the right answer"],
    ["M", "ask the model"],
    ["S, reason, Enter", "skip"],
    ["G", "flag"],
    ["Y", "accept"],
    ["R, comment, Enter", "send back"],
    ["Escape", "leave a text field"],
  ];

  const visible = (selector) => Boolean(document.querySelector(selector)?.offsetParent);

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || !visible("#corrections-gallery")) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.target.isContentEditable;
    const control = event.ctrlKey || event.metaKey;
    let act = null;
    if (control && !event.altKey) act = event.key === "Enter" && visible("#corrections-detail") && button("submit");
    else if (event.altKey && !control && event.key === "PageDown") act = onward;
    else if (event.altKey && !control && event.key === "PageUp") act = button("previous");
    else if (event.key === "Escape" && typing) act = () => event.target.blur();
    else if (!control && !event.shiftKey && (event.altKey || !typing)) act = LETTERS[event.code];
    if (!act) return;
    event.preventDefault();
    act();
  });

  /* What was picked by a key or a click is to be seen. */
  sayo.workOpened = () => document.querySelector("#corrections-detail")?.scrollIntoView({ block: "start" });

  sayo.workKeySheet = (element) => {
    const sheet = element.querySelector(".work-keys");
    sheet.append(el("summary", "", "Keys"));
    const list = el("dl");
    for (const [key, meaning] of SHEET) list.append(el("dt", "", key), el("dd", "", meaning));
    const more = "Letters work outside text fields, and with Alt everywhere.";
    sheet.append(list, el("p", "hint", more));
  };
})();
