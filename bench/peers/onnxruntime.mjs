// SPDX-License-Identifier: MIT
// ONNX Runtime as a peer: inference only. usage: node onnxruntime.mjs THREADS. The folder whose node_modules holds
// onnxruntime-node is named by FOVEA_PEERS_NODE, not by NODE_PATH. worker.py describes the requests.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const require = createRequire(join(process.env.FOVEA_PEERS_NODE, 'package.json'));
const ort = require('onnxruntime-node');
const threads = Number(process.argv[2]);
let session, feeds, result;

const seconds = () => performance.now() / 1000;

function peakResident() {
    const line = readFileSync('/proc/self/status', 'ascii').split('\n').find((one) => one.startsWith('VmHWM:'));
    return Number(line.split(/\s+/)[1]) * 1024;
}

async function step() {
    result = (await session.run(feeds))[session.outputNames[0]];
}

const commands = {
    async open(request) {
        const begun = seconds();
        session = await ort.InferenceSession.create(request.model, {
            executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential',
            graphOptimizationLevel: 'all', logSeverityLevel: 3,
        });
        const bytes = readFileSync(request.input);
        const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
        feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, request.shape) };
        await step();
        return { first_output: seconds() - begun };
    },
    async run(request) {
        let begun = seconds();
        for (let i = 0; i < 2 && seconds() - begun <= request.seconds; i++) {
            await step();
        }
        const times = [];
        begun = seconds();
        while (times.length < request.least || seconds() - begun < request.seconds) {
            const start = seconds();
            await step();
            times.push(seconds() - start);
        }
        return { times };
    },
    async output(request) {
        writeFileSync(request.file, Buffer.from(result.data.buffer, result.data.byteOffset, result.data.byteLength));
        return { shape: result.dims };
    },
    async about() {
        return { version: require('onnxruntime-node/package.json').version, build: `node ${process.version}`, threads,
            peak: peakResident() };
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
        answer = await commands[request.do](request);
    } catch (error) {
        answer = { error: String(error.message).split('\n')[0] };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
}
process.exit(0);
