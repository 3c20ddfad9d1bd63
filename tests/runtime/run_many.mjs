// SPDX-License-Identifier: MIT
// Runs many models in ONNX Runtime, one after the other, for judge.py. It does not use fovea and compares nothing.
//
// usage: node run_many.mjs    reads jobs from standard input, one JSON object a line:
//   {"id": 1, "model": "FILE", "inputs": {"x": {"type": "float32", "dims": [1, 2], "data": BASE64}}}
// and answers each with a line: {"id": 1, "outputs": [{"name", "type", "dims", "data": BASE64}, ...]} or {"id": 1, "error": "..."}

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const ort = require('onnxruntime-node');

const arrays = {
    float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array,
    uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array,
    bool: Uint8Array,
};

function feed({ type, dims, data }) {
    if (!(type in arrays)) {
        throw new Error(`the judge cannot hand over ${type}`);
    }
    // A Buffer may start at any offset of a shared pool; the copy gives the view an aligned start.
    const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
    return new ort.Tensor(type, new arrays[type](bytes.buffer), dims);
}

function told({ type, dims, data }, name) {
    if (!(type in arrays)) {
        throw new Error(`the judge cannot take ${type} back`);
    }
    return { name, type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}

async function run(job) {
    // One thread, so that the runtime gives the same answer every time.
    const session = await ort.InferenceSession.create(job.model, {
        executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
        logSeverityLevel: 4,
    });
    const feeds = {};
    for (const name of session.inputNames) {
        if (!(name in job.inputs)) {
            throw new Error(`the model wants an input "${name}"`);
        }
        feeds[name] = feed(job.inputs[name]);
    }
    const results = await session.run(feeds);
    const outputs = session.outputNames.map((name) => told(results[name], name));
    await session.release();
    return outputs;
}

for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    try {
        process.stdout.write(JSON.stringify({ id: job.id, outputs: await run(job) }) + '\n');
    } catch (error) {
        process.stdout.write(JSON.stringify({ id: job.id, error: String(error.message).split('\n')[0] }) + '\n');
    }
}
