#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`fovea eval --answers`: every set of figures beside the checkout (made with scikit-learn, scikit-image and
pycocotools) within 1e-9, and one slip of each kind in a file. Prints a last line "N passed, N failed"; without the sets they are skipped by name."""
import json
import math
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402

SETS = os.path.join(os.path.abspath(os.environ.get("FOVEA_SHARED", "../shared")), "metrics")
BOXES = os.path.join(os.path.abspath(os.environ.get("FOVEA_SHARED", "../shared")), "detection", "sets")
BOUND = 1e-9


def run(path):
    return call("eval", "--answers", path, "--json", timeout=60)


def differences(wanted, got, where):
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if not isinstance(got, dict) or key not in got:
                yield f"{where}.{key} is missing"
            else:
                yield from differences(value, got[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        if not isinstance(got, list) or len(got) != len(wanted):
            yield f"{where} is {got}, should be {wanted}"
            return
        for i, value in enumerate(wanted):
            yield from differences(value, got[i], f"{where}[{i}]")
    elif isinstance(wanted, float) and isinstance(got, (int, float)):
        if not math.isclose(wanted, got, rel_tol=BOUND, abs_tol=BOUND):
            yield f"{where} is {got!r}, should be {wanted!r}"
    elif wanted != got:
        yield f"{where} is {got!r}, should be {wanted!r}"


def check_set(path):
    done = run(path)
    if done.returncode:
        return [f"exit {done.returncode}: {done.stderr.strip()}"]
    with open(path, encoding="utf-8") as file:
        return list(differences(json.load(file)["expected"], json.loads(done.stdout), ""))


SLIPS = [ # a file's text, the exit code, a part of the sentence
    ('{"y_true": [[[0, 1]]], "y_pred": [[[0, 1]]], "ignore": -2}', 3, '"ignore" has to be'),
    ("[1, 2]", 3, '"y_true" is missing'),
    ("{", 3, "no JSON"),
    ('{"y_true": [0, 1]}', 3, '"scores" or "y_pred"'),
    ('{"y_true": [0, 1], "scores": [[1, 0]]}', 3, '"scores" is not [samples][classes]'),
    ('{"y_true": [0, 1], "scores": [[1, 0], [1]]}', 3, "unequal length"),
    ('{"y_true": [0, "one"], "scores": [[1, 0], [0, 1]]}', 3, "no number"),
    ('{"y_true": [0, 5], "scores": [[1, 0], [0, 1]]}', 2, "sample 1 has class 5, there are 2"),
    ('{"y_true": [0.5, 1.5], "y_pred": [1]}', 3, '"y_pred" is not'),
    ('{"kind": "guess", "y_true": [0], "y_pred": [0]}', 3, '"kind" is none of'),
    ('{"a": [1, 2], "b": [1, 2], "shape": [3, 1]}', 3, '"shape" does not say'),
    ('{"ground_truth": {"images": []}, "detections": []}', 3, 'arrays "images", "annotations"'),
    ('{"ground_truth": {"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}]}, "detections": '
     '[{"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]}', 3, "image_id 2 is none of the images"),
    ('{"ground_truth": {"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}]}, "detections": '
     '[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1], "score": 1}]}', 3, 'detections[0]: "bbox" is not'),
    ('{"ground_truth": {"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}, {"id": 1}]}, "detections": []}',
     2, "category 1 is there twice"),
]


TRUTH = {"images": [{"id": 9}, {"id": 2}], "categories": [{"id": 7, "name": "b"}, {"id": 3, "name": "a"}],
         "annotations": [{"id": 1, "image_id": 9, "category_id": 7, "bbox": [0, 0, 10, 10], "area": 100},
                         {"id": 2, "image_id": 2, "category_id": 7, "bbox": [0, 0, 10, 10], "area": 100},
                         {"id": 3, "image_id": 5, "category_id": 7, "bbox": [0, 0, 10, 10], "area": 100},
                         {"id": 4, "image_id": 2, "category_id": 8, "bbox": [0, 0, 10, 10], "area": 100}]}


def detection(image, category, x, score):
    return {"image_id": image, "category_id": category, "bbox": [x, 0, 10, 10], "score": score}


def measure(truth, detections):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"ground_truth": truth, "detections": detections}, file)
        file.flush()
        return json.loads(run(file.name).stdout)


def check_orders():
    """Categories come out by rising number; objects of unlisted pictures and categories do not count; of equal scores
    COCO takes the lower picture first, VOC the earlier in the list."""
    got = measure(TRUTH, [detection(9, 7, 0, 0.5), detection(2, 7, 50, 0.5), detection(2, 8, 0, 0.9)])
    coco, voc = got["coco"], got["voc"]
    wanted = [(coco["category_ids"], [3, 7]), (coco["ap"][0], -1), (voc["positives"], [0, 2]), (voc["ap_all"][0], None),
              (voc["ap_all"][1], 0.5)] # right, then wrong
    found = [f"{value} should be {right}" for value, right in wanted if value != right]
    if abs(coco["ap_per_iou"][1][0] - 0.5 * 51 / 101) > 1e-9: # wrong, then right: precision 1/2 up to recall 1/2
        found.append(f"ap_per_iou {coco['ap_per_iou'][1][0]}")
    return found


def check_slip(text, code, part):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        done = run(file.name)
    if done.returncode != code or part not in done.stderr or done.stdout:
        return [f"{text}: exit {done.returncode}, {done.stderr.strip()!r}"]
    return []


def check_masks():
    """A class that no answer has still counts; what is ignored does not make a class; -1 ignores nothing."""
    found = []
    for ignore, truth, matrix in ((255, [0, 3, 255], [[1, 0, 0, 0], [0] * 4, [0] * 4, [1, 0, 0, 0]]),
                                  (-1, [0, 1, 1], [[1, 0], [1, 1]])):
        answers = {"y_true": [[truth]], "y_pred": [[[0, 0, 1]]], "ignore": ignore}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(answers, file)
            file.flush()
            done = run(file.name)
        if done.returncode != 0 or json.loads(done.stdout)["confusion"] != matrix:
            found.append(f"ignore {ignore}: exit {done.returncode}, {done.stderr.strip()!r} {done.stdout}")
    return found


def main():
    cases = [(text, check_slip(text, code, part)) for text, code, part in SLIPS]
    skipped = 0
    if os.path.isdir(SETS):
        for kind in sorted(os.listdir(SETS)):
            folder = os.path.join(SETS, kind)
            if os.path.isdir(folder):
                cases += [(f"{kind}/{name}", check_set(os.path.join(folder, name))) for name in sorted(os.listdir(folder))]
    else:
        print("skipped  the sets of figures: there is no", SETS)
        skipped = 1
    if os.path.isdir(BOXES):
        names = sorted(name for name in os.listdir(BOXES) if name.endswith(".json"))
        cases += [(f"boxes/{name}", check_set(os.path.join(BOXES, name))) for name in names]
    else:
        print("skipped  the sets of boxes: there is no", BOXES)
        skipped += 1
    cases.append(("masks", check_masks()))
    cases.append(("other orders of classes and pictures", check_orders()))
    failed = 0
    for name, found in cases:
        failed += bool(found)
        for line in found[:5]:
            print(f"{name}: {line}")
    print(f"{len(cases) - failed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
