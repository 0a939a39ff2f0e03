/* Keys of the work list. None of its letters is one of the region editor's (viewer/keys.js), so each means one thing
 * wherever the focus is; in a text field they need Alt, as the field wants them.
 */
(() => {
  const sayo = (window.sayo ??= {});
  if (sayo.workKeySheet) return;
  const { el } = sayo;

  const at = (name) => document.querySelector(`#corrections-${name}`);
  const visible = (name) => Boolean(at(name)?.offsetParent);
  const button = (name) => () => at(name)?.click();
  const field = (name) => () => document.querySelector(`#corrections-${name} :is(textarea, input)`)?.focus();
  const onward = () => {
    if (visible("detail")) return button("next")();
    document.querySelector("#corrections-gallery .sc-card")?.click();
  };
  const back = button("previous");
  /* Out of the text field at once: what is pressed next is a key, and no text of the next one's answer. */
  const submit = () => {
    document.activeElement.blur();
    button("submit")();
  };

  sayo.workLetters = {
    n: onward,
    t: field("answer"),
    m: button("ask"),
    u: field("reason"),
    i: button("flag"),
    y: button("accept"),
    w: field("comment"),
  };
  const SHEET = [
    ["N", "next; opens the first one"],
    ["Shift + N", "previous"],
    ["Ctrl + Enter", "submit, go to the next"],
    ["T", "type the right answer"],
    ["U, why, Enter", "skip: unusable"],
    ["I", "flag, or take the flag away"],
    ["M", "ask the model"],
    ["Y", "accept"],
    ["W, what, Enter", "send back: wrong"],
    ["Escape", "leave a text field"],
  ];

  /* With Alt some keyboards give other characters: there the key's place counts. */
  const letterOf = ({ altKey, code, key }) => (altKey ? code.replace("Key", "") : key).toLowerCase();

  const meaning = (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.target.isContentEditable;
    if (event.ctrlKey || event.metaKey) return event.key === "Enter" && !event.altKey && visible("detail") && submit;
    if (event.key === "Escape") return typing && (() => event.target.blur());
    if (typing && !event.altKey) return null;
    const letter = letterOf(event);
    if (event.shiftKey) return letter === "n" && back;
    return Object.hasOwn(sayo.workLetters, letter) && sayo.workLetters[letter];
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || !visible("gallery")) return;
    const act = meaning(event);
    if (!act) return;
    event.preventDefault();
    act();
  });

  /* Enter in a field that ends with the next one leaves the field as submitting does; Gradio acts on the keypress. */
  document.addEventListener("keyup", (event) => {
    const ends = event.key === "Enter" && event.target.closest?.("#corrections-reason, #corrections-comment");
    if (ends && !event.shiftKey) event.target.blur();
  });

  /* What was picked by a key or a click is to be seen. */
  sayo.workOpened = () => at("detail")?.scrollIntoView({ block: "start" });

  sayo.workKeySheet = (element) => {
    const sheet = element.querySelector(".work-keys");
    sheet.append(el("summary", "", "Keys"));
    const list = el("dl");
    for (const [key, what] of SHEET) list.append(el("dt", "", key), el("dd", "", what));
    sheet.append(list, el("p", "hint", "In a text field the letters need Alt. On the picture, ? lists the keys of drawing."));
  };
})();
