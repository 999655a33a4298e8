/** What every part of the page does with its elements: find, fill with text, put in order, keep the focus. */

/** @param {string} id */
export const byId = id => /** @type {HTMLElement} */ (document.getElementById(id))

/** @param {string} id */
export const input = id => /** @type {HTMLInputElement} */ (byId(id))

/**
 * A new element, from a template of the page.
 * @param {string} id
 */
export function fromTemplate(id) {
  const { content } = /** @type {HTMLTemplateElement} */ (byId(id))
  return /** @type {HTMLElement} */ (content.firstElementChild?.cloneNode(true))
}

/**
 * Sets a text, where it is another one.
 * @param {Element | null | undefined} element
 * @param {string} text
 */
export function fill(element, text) {
  if (element && element.textContent !== text) element.textContent = text
}

/**
 * Puts the children of an element in order, after the head of a table. Whoever is in place already is not touched, so nothing loses its focus or its scroll position.
 * @param {Element} parent
 * @param {readonly Element[]} children
 */
export function arrange(parent, children) {
  let place = parent.querySelector(':scope > :not(thead)')
  for (const child of children) {
    if (child === place) place = place.nextElementSibling
    else parent.insertBefore(child, place)
  }
}

/**
 * Changes the page; a focus that was lost by it goes back where it was, or to what stands in for an element that is gone.
 * @param {() => void} change
 * @param {() => HTMLElement} standIn
 */
export function keepingFocus(change, standIn) {
  const focused = document.activeElement
  change()
  if (!(focused instanceof HTMLElement) || focused === document.activeElement) return
  if (focused.isConnected) focused.focus()
  else standIn().focus()
}
