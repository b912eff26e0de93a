// A dialog of the page; the browser keeps the focus in it, and Esc closes it. What went wrong is said
// in it too, since the messages of the page lie behind it.

import { html, useLayoutEffect, useRef } from "./vendor/htm-preact.js";

export function Dialog({ store, title, children }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = box.current;
    dialog.showModal();
    return () => {
      dialog.close(); // as long as it is open, nothing else can have the focus
      before?.focus?.();
      store.refocus = true;
    };
  }, []);
  const heading = useRef(null);
  const focused = useRef(null); // what had the focus, or what stands in for it while that is off
  useLayoutEffect(() => {
    const before = focused.current;
    const now = document.activeElement;
    const lost = now === document.body || now.disabled || now === heading.current;
    if (!before || !lost || !box.current.open) return;
    if (before.isConnected && !before.disabled) before.focus();
    else heading.current.focus();
  });
  const onFocusIn = ({ target }) => {
    if (target !== heading.current) focused.current = target;
  };
  const close = () => store.set({ dialog: null });
  const { said } = store;
  return html`<dialog ref=${box} onfocusin=${onFocusIn} aria-labelledby="dialog-title"
    onClose=${() => box.current && close()} onClick=${(event) => event.target === box.current && close()}>
    <div class="dialog-inner">
      <div class="dialog-top"><h2 id="dialog-title" ref=${heading} tabindex="-1">${title}</h2>
        <button type="button" class="link" aria-label="Close" onClick=${close}>×</button></div>
      ${said?.error && html`<p class="is-error" role="alert">
        ${said.text}${said.hint && `: ${said.hint}`}</p>`}
      ${children}
    </div>
  </dialog>`;
}
