// Starts the page: with the server that gave it, or with what it holds itself.

import { html, render } from "./vendor/htm-preact.js";
import { App } from "./app.js";
import { embeddedSource } from "./embedded.js";
import { ServerSource } from "./source.js";
import { Store } from "./store.js";

const store = new Store(embeddedSource() ?? new ServerSource());
render(html`<${App} store=${store} />`, document.getElementById("app"));
store.start();
