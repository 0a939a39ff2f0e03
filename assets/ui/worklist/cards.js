// @ts-check
/* A strip or grid of picture cards. While one is open, a grid is a strip, so that what is open lies close below. */

/** @import { CardItem, Mount } from "../shared/types" */
import { el } from "../shared/dom.js";

/**
 * @typedef {object} Props
 * @property {{ items?: CardItem[], empty?: string }} [value]
 * @property {number | string} [active] the id of the card that is open, 0 for none
 */

/**
 * @param {Mount<Props>} mount
 * @param {string} picked the name of the event that says which card was picked
 */
export const mountCards = ({ element, props, trigger, watch }, picked) => {
  const root = /** @type {HTMLElement} */ (element.querySelector(".sc"));
  const render = () => {
    const { items = [], empty = "" } = props.value || {};
    root.replaceChildren(...items.map((item) => card(item, () => trigger(picked, { id: item.id }))));
    if (!items.length && empty) root.append(el("p", "sc-empty", empty));
    mark();
  };
  const mark = () => {
    root.classList.toggle("sc-lane", Boolean(props.active));
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".sc-card"))) {
      const active = node.dataset.id === String(props.active);
      node.classList.toggle("is-active", active);
      if (active)
        root.scrollLeft = node.offsetLeft - root.offsetLeft - (root.clientWidth - node.offsetWidth) / 2;
    }
  };
  watch("value", render);
  watch("active", mark);
  render();
};

/**
 * @param {CardItem} item
 * @param {() => void} pick
 */
const card = ({ id, src, title, lines, badge }, pick) => {
  const node = el("button", "sc-card");
  node.type = "button";
  node.dataset.testid = `card-${id}`;
  node.dataset.id = String(id);
  node.append(Object.assign(el("img", "sc-picture"), { src, alt: "", loading: "lazy" }));
  const text = el("span", "sc-text");
  if (badge) text.append(el("span", `sc-badge sc-badge-${badge.kind}`, badge.text));
  if (title) text.append(el("span", "sc-title", title));
  for (const line of lines || []) text.append(el("span", "sc-line", line));
  if (text.childNodes.length) node.append(text);
  node.addEventListener("click", pick);
  return node;
};
