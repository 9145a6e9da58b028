// The best candidates for eviction out of all samples so far: what makes small samples nearly as good as an order of
// all keys. Scores are those of the moment of sampling, as in Redis; a candidate may be gone when it is wanted.
// Loop thread only. Next: Eviction.swift.

import Wire

/// Up to sixteen keys, the one to go first last.
struct EvictionPool {
    struct Candidate {
        /// The higher the sooner it goes.
        let score: UInt64
        let key: ByteString
        let keyspace: Keyspace
    }

    private(set) var candidates: [Candidate] = []

    /// Keeps the key if it is better than what is here, or if there is room.
    mutating func offer(_ key: ByteSlice, of keyspace: Keyspace, score: UInt64) {
        let isFull = candidates.count >= Limits.evictionCandidatesMax
        if isFull, score <= candidates[0].score { return }
        if isFull { candidates.removeFirst() }
        let place = candidates.firstIndex { $0.score >= score } ?? candidates.count
        candidates.insert(Candidate(score: score, key: ByteString(key), keyspace: keyspace), at: place)
    }

    /// The best one, taken out.
    mutating func takeBest() -> Candidate? { candidates.popLast() }

    /// The policy has changed: scores of two policies do not compare.
    mutating func removeAll() { candidates.removeAll(keepingCapacity: true) }
}
