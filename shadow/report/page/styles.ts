import { verbatim } from './html.js';

/** The page's style sheet: quiet, dense, for a phone's width and for paper too. */
export const STYLES = verbatim(`
:root{color-scheme:light dark;--ink:#1c2024;--soft:#5b636b;--line:#d9dde1;--paper:#fff;--panel:#f6f7f8;
--red:#b3261e;--amber:#8a5a00;--green:#1a6b3c;--old:#fbe4e2;--new:#dcf3e3}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#a2a9b0;--line:#343a40;--paper:#15181b;--panel:#1d2125;
--red:#ff8f85;--amber:#f0bd5b;--green:#74d39a;--old:#4a2320;--new:#1d4029}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}h3{font-size:1rem;margin:1.4rem 0 .4rem}
h3,code,pre,td{overflow-wrap:anywhere}
code,pre{font:13px/1.45 ui-monospace,monospace}
.identical{color:var(--green)}.differs,.high{color:var(--red)}.inconclusive,.medium{color:var(--amber)}
.soft,.left-out{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
ul.tree,ul.tree ul{list-style:none;margin:0;padding-left:.9rem;border-left:1px solid var(--line)}
.difference{margin:.3rem 0 .9rem}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:.5rem;margin:.4rem 0}
.sides>div{background:var(--panel);border:1px solid var(--line);border-radius:4px;padding:.4rem .6rem;min-width:0}
.changelog{white-space:pre-wrap;max-height:20rem;overflow:auto}
.sides pre{margin:.2rem 0 0;white-space:pre-wrap;max-height:20rem;overflow:auto}
mark{color:inherit;border-radius:2px}.old mark{background:var(--old)}.new mark{background:var(--new)}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:500}
summary{cursor:pointer}
.notice{border:1px solid var(--red);border-radius:4px;padding:.5rem .8rem;color:var(--red)}
form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin:.4rem 0}
label{flex:1 1 16rem;color:var(--soft)}
input,button{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:4px;
padding:.3rem .6rem}input{display:block;width:100%;color:var(--ink)}button{cursor:pointer}
.difference:target{outline:2px solid var(--line);outline-offset:.3rem}
@media(max-width:36rem){.sides,dl{grid-template-columns:1fr}dt{margin-top:.5rem}}
@media print{pre{max-height:none!important}details>*{display:block}}
`);
