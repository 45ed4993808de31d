"""The triplet loss against pytorch-metric-learning: first the same numbers, then the time."""

import argparse

import numpy as np
import tensorflow as tf

from benchmarks.alone import Record
from benchmarks.pairing import in_turns
from benchmarks.results import Pairing
from course_utils.losses import batch_triplet_loss, mine_triplets

MARGIN = 0.2
DIM = 128
# FaceNet's batch of 1,800; where the peer enumerates all triplets, as many as fit.
BATCHES = (("hard", 45, 40), ("semi-hard", 20, 16))  # mining, people, photos of each
SMALL_BATCHES = (("hard", 20, 10), ("semi-hard", 8, 8))


def measure(record: Record, options: argparse.Namespace) -> None:
    batches = SMALL_BATCHES if options.quick else BATCHES
    ours = {}
    for mining, num_people, photos_per_person in batches:
        labels, embeddings = batch(np.random.default_rng(0), num_people, photos_per_person, DIM)
        function, variable = gradient_function(mining), tf.Variable(embeddings)
        ours[mining] = lambda f=function, labels=labels, v=variable: [
            each.numpy() for each in f(labels, v)
        ]
        ours[mining]()
    record.memory_so_far("process with both minings, before the peer is loaded")

    import torch
    from pytorch_metric_learning import distances, losses, miners

    squared = distances.LpDistance(normalize_embeddings=False, p=2, power=2)
    peer_loss = losses.TripletMarginLoss(margin=MARGIN, distance=squared)  # mean over the active
    peer_miners = {
        "all": None,
        "hard": miners.BatchHardMiner(distance=squared),
        "semi-hard": miners.TripletMarginMiner(
            MARGIN, type_of_triplets="semihard", distance=squared
        ),
    }
    largest = check_agreement(torch, peer_loss, peer_miners, 5 if options.quick else 50)
    record.difference("loss of all triplets against pytorch-metric-learning's", largest, 1e-5)

    for mining, num_people, photos_per_person in batches:
        labels, embeddings = batch(np.random.default_rng(0), num_people, photos_per_person, DIM)
        torch_labels = torch.from_numpy(labels)

        def peer(miner=peer_miners[mining], labels=torch_labels, embeddings=embeddings):
            points = torch.from_numpy(embeddings).requires_grad_()
            peer_loss(points, labels, miner(points, labels)).backward()

        turns = 3 if options.quick else 11
        seconds = in_turns({"ours": ours[mining], "peer": peer}, turns=turns)
        record.pairing(
            Pairing(
                subject=f"triplet loss, {mining} mining",
                condition=f"value and gradient, {len(labels):,} embeddings of {DIM} numbers",
                peer="pytorch-metric-learning",
                ours=seconds["ours"],
                theirs=seconds["peer"],
            )
        )


def batch(rng, num_people, photos_per_person, dim):
    """Unit embeddings in loose groups."""
    labels = np.repeat(np.arange(num_people), photos_per_person)
    embeddings = rng.normal(size=(num_people, dim))[labels] + 2 * rng.normal(
        size=(len(labels), dim)
    )
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return labels, embeddings.astype(np.float32)


def gradient_function(mining):
    """A compiled function (labels, variable) → loss and gradient."""

    @tf.function
    def value_and_gradient(labels, variable):
        with tf.GradientTape() as tape:
            loss = batch_triplet_loss(labels, variable, margin=MARGIN, mining=mining)
        return loss, tape.gradient(loss, variable)

    return value_and_gradient


def triplets_of(arrays):
    """Three arrays of positions as a set of triplets."""
    return set(zip(*(np.asarray(part).tolist() for part in arrays), strict=True))


def check_agreement(torch, peer_loss, peer_miners, num_batches) -> float:
    """Stops unless both choose the same triplets; returns by how much the losses differ."""
    largest = 0.0
    for seed in range(num_batches):
        rng = np.random.default_rng(seed)
        num_people, photos = int(rng.integers(3, 9)), int(rng.integers(2, 6))
        labels, embeddings = batch(rng, num_people, photos, 16)
        points, torch_labels = torch.from_numpy(embeddings), torch.from_numpy(labels)
        for mining, miner in peer_miners.items():
            if miner is None:
                theirs = float(peer_loss(points, torch_labels))
                own = batch_triplet_loss(
                    labels, embeddings, margin=MARGIN, mining=mining, average="active"
                )
                largest = max(largest, abs(float(own) - theirs))
                continue
            found = triplets_of(miner(points, torch_labels))
            ours = triplets_of(mine_triplets(labels, embeddings, mining=mining))
            if mining == "semi-hard":  # theirs are all within the margin; ours the nearest of them
                d = ((embeddings[:, None] - embeddings) ** 2).sum(axis=2)
                found = set(
                    {
                        (a, p): (a, p, n) for a, p, n in sorted(found, key=lambda t: -d[t[0], t[2]])
                    }.values()
                )
                ours = {(a, p, n) for a, p, n in ours if 0 < d[a, n] - d[a, p] <= MARGIN}
            if ours != found:
                raise AssertionError(
                    f"{mining} mining: other triplets than the peer's, seed {seed}."
                )
    return largest
