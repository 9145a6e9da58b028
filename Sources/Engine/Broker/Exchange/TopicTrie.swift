// Patterns of a topic exchange, as a trie over their words: `*` stands for one word, `#` for none or more.
// Words are separated by dots; an empty key has no words, so `#` matches it and `*` does not.
// Matching visits each (node, position) at most once however many `#` there are: a hostile pattern such as
// `#.#.#.#` must not cost exponential time.
// Loop thread only. Next: Router.swift.

import Wire

struct TopicTrie {
    private final class Node {
        var children = NameTable<Node>()
        /// Child for `*`.
        var star: Node?
        /// Child for `#`.
        var hash: Node?
        /// Bindings whose pattern ends here.
        var bindings: [Binding] = []
        /// At `#` and behind it, where a walk can come by at more than one position.
        let visits: Visits?

        init(isBehindHash: Bool) { visits = isBehindHash ? Visits() : nil }

        var isUnused: Bool { bindings.isEmpty && children.isEmpty && star == nil && hash == nil }
    }

    /// The positions at which one walk has visited a node.
    private final class Visits {
        private var walk: UInt64 = 0
        /// A key of 255 bytes has at most 256 words, so there are 257 positions.
        private var positions: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)

        /// Whether this is the first visit of `walk` at `position`.
        func isFirst(_ position: Int, walk: UInt64) -> Bool {
            if self.walk != walk {
                self.walk = walk
                positions = (0, 0, 0, 0, 0)
            }
            return withUnsafeMutableBytes(of: &positions) { bytes in
                let words = bytes.assumingMemoryBound(to: UInt64.self)
                let bit: UInt64 = 1 << UInt64(position & 63)
                defer { words[position >> 6] |= bit }
                return words[position >> 6] & bit == 0
            }
        }
    }

    private let root = Node(isBehindHash: false)
    private var walk: UInt64 = 0
    /// The words of the key that is being matched; kept for its memory.
    private var scratch: [ByteSlice] = []

    // MARK: Changing

    mutating func insert(_ binding: Binding) {
        var node = root
        for word in Self.words(binding.routingKey.slice) {
            let isBehindHash = node.visits != nil
            if word.equals("*") {
                if node.star == nil { node.star = Node(isBehindHash: isBehindHash) }
                node = node.star!
            } else if word.equals("#") {
                if node.hash == nil { node.hash = Node(isBehindHash: true) }
                node = node.hash!
            } else if let child = node.children[word] {
                node = child
            } else {
                let child = Node(isBehindHash: isBehindHash)
                node.children.insert(child, for: ByteString(word))
                node = child
            }
        }
        node.bindings.append(binding)
    }

    mutating func remove(_ binding: Binding) {
        let words = Self.words(binding.routingKey.slice)
        var path: [Node] = [root]
        for word in words {
            let node = path[path.count - 1]
            let child = word.equals("*") ? node.star : word.equals("#") ? node.hash : node.children[word]
            guard let child else { return }
            path.append(child)
        }
        path[path.count - 1].bindings.removeAll { $0 === binding }
        // Take down what no pattern uses any more, from the leaf up.
        for index in stride(from: words.count - 1, through: 0, by: -1) where path[index + 1].isUnused {
            let word = words[index]
            if word.equals("*") {
                path[index].star = nil
            } else if word.equals("#") {
                path[index].hash = nil
            } else {
                path[index].children.removeValue(for: word)
            }
        }
    }

    /// The words of a key or pattern, borrowed from it.
    static func words(_ key: ByteSlice) -> [ByteSlice] {
        var words: [ByteSlice] = []
        split(key, into: &words)
        return words
    }

    private static func split(_ key: ByteSlice, into words: inout [ByteSlice]) {
        guard !key.isEmpty else { return }
        var start = 0
        for index in 0..<key.count where key[index] == 0x2E {
            words.append(key.slice(from: start, count: index - start))
            start = index + 1
        }
        words.append(key.slice(from: start, count: key.count - start))
    }

    // MARK: Matching

    /// Calls `found` for each binding whose pattern matches, once. No allocation, whatever the key.
    mutating func match(_ key: ByteSlice, _ found: (Binding) -> Void) {
        walk += 1
        scratch.removeAll(keepingCapacity: true)
        Self.split(key, into: &scratch)
        scratch.withUnsafeBufferPointer { Matching(words: $0, walk: walk).visit(root, 0, isHash: false, found) }
    }

    /// One walk.
    private struct Matching {
        let words: UnsafeBufferPointer<ByteSlice>
        let walk: UInt64

        func visit(_ node: Node, _ position: Int, isHash: Bool, _ found: (Binding) -> Void) {
            if let visits = node.visits, !visits.isFirst(position, walk: walk) { return }
            if position == words.count {
                for binding in node.bindings { found(binding) }
            } else {
                if !node.children.isEmpty, let child = node.children[words[position]] {
                    visit(child, position + 1, isHash: false, found)
                }
                if let star = node.star { visit(star, position + 1, isHash: false, found) }
                // `#` takes one more word and stays.
                if isHash { visit(node, position + 1, isHash: true, found) }
            }
            // `#` takes none.
            if let hash = node.hash { visit(hash, position, isHash: true, found) }
        }
    }

    func checkInvariants() {
        func check(_ node: Node, isRoot: Bool, isBehindHash: Bool = false) {
            precondition(isRoot || !node.isUnused, "unused node left in the trie")
            precondition((node.visits != nil) == isBehindHash)
            node.children.checkInvariants()
            for child in node.children.values { check(child, isRoot: false, isBehindHash: isBehindHash) }
            if let star = node.star { check(star, isRoot: false, isBehindHash: isBehindHash) }
            if let hash = node.hash { check(hash, isRoot: false, isBehindHash: true) }
        }
        check(root, isRoot: true)
    }
}
