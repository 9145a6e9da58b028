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
        /// Position below which this node was already visited in matching `visitMark`, as a bit set start.
        var visitMark: UInt64 = 0
        var visited: [Bool] = []

        var isUnused: Bool { bindings.isEmpty && children.isEmpty && star == nil && hash == nil }
    }

    private let root = Node()
    private var patternsWithHash = 0

    // MARK: Changing

    mutating func insert(_ binding: Binding) {
        var node = root
        for word in Self.words(binding.routingKey.slice) {
            if word.equals("*") {
                if node.star == nil { node.star = Node() }
                node = node.star!
            } else if word.equals("#") {
                if node.hash == nil { node.hash = Node() }
                node = node.hash!
            } else if let child = node.children[word] {
                node = child
            } else {
                let child = Node()
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
        guard !key.isEmpty else { return [] }
        var words: [ByteSlice] = []
        var start = 0
        for index in 0..<key.count where key[index] == 0x2E {
            words.append(key.slice(from: start, count: index - start))
            start = index + 1
        }
        words.append(key.slice(from: start, count: key.count - start))
        return words
    }

    // MARK: Matching

    /// Calls `found` for each binding whose pattern matches, once.
    func match(_ key: ByteSlice, _ found: (Binding) -> Void) {
        var matching = Matching(words: Self.words(key))
        matching.visit(root, 0, isHash: false, found)
        matching.clear()
    }

    /// One walk. A node after `#` can be reached at many positions and along many ways; which positions it was
    /// visited at is kept with the node while the walk lasts.
    private struct Matching {
        let words: [ByteSlice]
        var touched: [Node] = []

        init(words: [ByteSlice]) { self.words = words }

        mutating func visit(_ node: Node, _ position: Int, isHash: Bool, _ found: (Binding) -> Void) {
            if node.visited.isEmpty {
                node.visited = Array(repeating: false, count: words.count + 1)
                touched.append(node)
            }
            guard !node.visited[position] else { return }
            node.visited[position] = true
            if position == words.count {
                for binding in node.bindings { found(binding) }
            } else {
                if let child = node.children[words[position]] { visit(child, position + 1, isHash: false, found) }
                if let star = node.star { visit(star, position + 1, isHash: false, found) }
                // `#` takes one more word and stays.
                if isHash { visit(node, position + 1, isHash: true, found) }
            }
            // `#` takes none.
            if let hash = node.hash { visit(hash, position, isHash: true, found) }
        }

        mutating func clear() { for node in touched { node.visited = [] } }
    }

    func checkInvariants() {
        func check(_ node: Node, isRoot: Bool) {
            precondition(isRoot || !node.isUnused, "unused node left in the trie")
            precondition(node.visited.isEmpty)
            for child in node.children.values { check(child, isRoot: false) }
            if let star = node.star { check(star, isRoot: false) }
            if let hash = node.hash { check(hash, isRoot: false) }
        }
        check(root, isRoot: true)
    }
}
