/** What every part of the page does with its elements: find, fill with text, keep the focus, and tell a screen reader. */

/** @param {string} id */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id))
}

/**
 * Sets a text, where it is another one.
 * @param {Element | null | undefined} element
 * @param {string} text
 */
export function fill(element, text) {
  if (element && element.textContent !== text) element.textContent = text
}

/** @param {string} words */
export function say(words) {
  fill(byId('spoken'), words)
}

/**
 * Puts children in order. Whoever is in place already is not touched, so nothing loses its focus or its scroll position.
 * @param {Element} parent
 * @param {Element | null} after the child they come after
 * @param {readonly Element[]} children
 */
export function arrange(parent, after, children) {
  let place = after ? after.nextElementSibling : parent.firstElementChild
  for (const child of children) {
    if (child === place) place = place.nextElementSibling
    else parent.insertBefore(child, place)
  }
}

/**
 * Changes the page; a focus that was lost by it goes back where it was, or to what stands in for an element that is gone.
 * @param {() => void} change
 * @param {(lost: Element) => HTMLElement | null | undefined} standIn
 */
export function keepingFocus(change, standIn) {
  const focused = document.activeElement
  change()
  if (!(focused instanceof HTMLElement) || focused === document.activeElement) return
  if (focused.isConnected) focused.focus()
  else standIn(focused)?.focus()
}
