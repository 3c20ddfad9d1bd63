// SPDX-License-Identifier: MIT
// Runs one ONNX model in ONNX Runtime on one raw float32 input and writes the first output as raw float32.
// For files that fovea saves. It does not use fovea and compares nothing; its caller compares the outputs.
//
// usage: node run_onnx.mjs MODEL.onnx INPUT.f32 DIMS OUTPUT.f32
//   DIMS  the input's shape, e.g. 2x1x28x28; INPUT.f32 holds that many little-endian float32 values in C order
// prints one JSON line: runtime version, input and output names and shapes. Exit: 0 ok, 2 usage, 3 refused.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

function refuse(code, sentence) {
    process.stderr.write(`run_onnx: ${sentence}\n`);
    process.exit(code);
}

const args = process.argv.slice(2);
if (args.length !== 4) {
    refuse(2, 'usage: node run_onnx.mjs MODEL.onnx INPUT.f32 DIMS OUTPUT.f32   (DIMS like 2x1x28x28)');
}
const [modelPath, inputPath, dimsText, outputPath] = args;

if (!/^[1-9][0-9]*(x[1-9][0-9]*)*$/.test(dimsText)) {
    refuse(2, `DIMS "${dimsText}" is not a shape like 2x1x28x28`);
}
const dims = dimsText.split('x').map(Number);
const count = dims.reduce((product, dim) => product * dim, 1);

try {
    const ort = require('onnxruntime-node');
    const bytes = readFileSync(inputPath);
    if (bytes.length !== count * 4) {
        refuse(3, `${inputPath} has ${bytes.length} bytes, shape ${dimsText} needs ${count * 4}`);
    }
    // A Buffer may start at any offset of a shared pool; the copy gives the float view an aligned start.
    const values = new Float32Array(Uint8Array.from(bytes).buffer);

    // One thread, so that the runtime gives the same answer every time.
    const session = await ort.InferenceSession.create(modelPath, {
        executionProviders: ['cpu'],
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        logSeverityLevel: 3,
    });
    if (session.inputNames.length !== 1) {
        refuse(3, `the model wants ${session.inputNames.length} inputs (${session.inputNames.join(', ')}), not 1`);
    }
    const name = session.inputNames[0];
    const results = await session.run({ [name]: new ort.Tensor('float32', values, dims) });
    const outputs = session.outputNames.map((output) => ({ name: output, type: results[output].type,
        dims: results[output].dims }));
    const first = results[session.outputNames[0]];
    if (first.type !== 'float32') {
        refuse(3, `the first output "${session.outputNames[0]}" is ${first.type}, not float32`);
    }
    writeFileSync(outputPath, Buffer.from(first.data.buffer, first.data.byteOffset, first.data.byteLength));
    const version = require('onnxruntime-node/package.json').version;
    const report = { runtime: 'onnxruntime-node', version, input: { name, dims }, outputs };
    process.stdout.write(JSON.stringify(report) + '\n');
} catch (error) {
    refuse(3, `${modelPath}: ${error.message}`);
}
