// Perfetto's own trace processor, as its web page ships it: the WebAssembly module and the worker around it, which this
// gives what a browser would. `node perfetto.mjs DIR`: DIR has engine_bundle.js and trace_processor.wasm. Requests come
// on stdin and answers go to stdout, each with its length before it (4 bytes, big-endian); an empty one ends an answer.
import { readFileSync } from "node:fs";
import path from "node:path";

const { argv, stdin, stdout } = process;
const file = (name) => new Uint8Array(readFileSync(path.join(argv[2], path.basename(name))));

// The worker refuses to be anywhere but in a browser.
delete globalThis.process;
globalThis.self = globalThis;
globalThis.importScripts = () => {};
globalThis.WorkerGlobalScope = class {};
globalThis.location = { href: "http://localhost/engine_bundle.js" };
globalThis.fetch = async (name) => new Response(file(name));
globalThis.XMLHttpRequest = class {
    open(_, name) {
        this.name = name;
    }
    send() {
        this.response = file(this.name).buffer;
        this.status = 200;
    }
};
console.log = console.error; // stdout has answers

const framed = (bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
};
const port = { postMessage: (bytes) => stdout.write(framed(bytes)) };
(0, eval)(new TextDecoder().decode(file("engine_bundle.js")));
globalThis.onmessage({ data: port });

let pending = Buffer.alloc(0);
for await (const chunk of stdin) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE()) {
        const end = 4 + pending.readUInt32BE();
        port.onmessage({ data: Uint8Array.from(pending.subarray(4, end)) });
        stdout.write(framed(Buffer.alloc(0)));
        pending = pending.subarray(end);
    }
}
