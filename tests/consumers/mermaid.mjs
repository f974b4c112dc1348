// Asks Mermaid's parser what it makes of each file.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { JSDOM } from 'jsdom';

const page = new JSDOM('<!DOCTYPE html><body></body>');
globalThis.window = page.window;
globalThis.document = page.window.document;
const { default: mermaid } = await import('mermaid');

const refused = async (text) => {
    try {
        await mermaid.parse(text);
        return null;
    } catch (error) {
        return String(error);
    }
};
if ((await refused('sequenceDiagram\n  a->>: x\n')) === null) {
    throw new Error('the parser takes anything: nothing is shown by it');
}
for (const file of process.argv.slice(2)) {
    const problem = await refused(readFileSync(file, 'utf8'));
    console.log(problem === null ? `Mermaid takes ${basename(file)}` : `Mermaid refuses ${basename(file)}: ${problem}`);
    if (problem !== null) process.exitCode = 1;
}
