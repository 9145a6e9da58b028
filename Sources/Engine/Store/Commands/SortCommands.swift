// SORT: the elements of a list, set or sorted set in order, by themselves or by values of other keys.
// Next: ../Types/ListValue.swift and its neighbours.

import Wire

extension RESPCommand {
    static var sortCommands: [RESPCommand] { [sort, sortReadOnly] }

    /// `SORT key [BY pattern] [LIMIT offset count] [GET pattern …] [ASC|DESC] [ALPHA] [STORE destination]` → the
    /// elements, or how many were stored.
    static let sort = RESPCommand(
        "SORT", .atLeast(2), [.write, .denyOOM, .movableKeys], keys: .first, group: .generic, since: "1.0.0",
        summary: "Sorts the elements of a list, a set or a sorted set.",
        complexity: "O(N+M*log(M)): elements, and those returned"
    ) { call throws(CommandError) in
        try call.sortElements(allowsStore: true)
    }

    /// `SORT_RO`: SORT without STORE.
    static let sortReadOnly = RESPCommand(
        "SORT_RO", .atLeast(2), [.readonly, .movableKeys], keys: .first, group: .generic, since: "7.0.0",
        summary: "Sorts the elements of a list, a set or a sorted set; stores nothing.",
        complexity: "O(N+M*log(M)): elements, and those returned"
    ) { call throws(CommandError) in
        try call.sortElements(allowsStore: false)
    }
}

private struct SortOptions {
    var by: ByteSlice?
    var gets: [ByteSlice] = []
    var offset = 0
    var limit: Int?
    var isDescending = false
    var isAlphabetical = false
    var destination: ByteSlice?

    /// Without a star the order of the elements as they are held is kept.
    var keepsOrder: Bool { by.map { !$0.buffer.contains(0x2A) } ?? false }

    init(_ call: CommandCall, allowsStore: Bool) throws(CommandError) {
        var index = 2
        while index < call.count {
            let left = call.count - index - 1
            if call.word(index, is: "asc") {
                isDescending = false
            } else if call.word(index, is: "desc") {
                isDescending = true
            } else if call.word(index, is: "alpha") {
                isAlphabetical = true
            } else if call.word(index, is: "limit"), left >= 2 {
                offset = Int(max(0, try call.integer(index + 1)))
                let wanted = try call.integer(index + 2)
                limit = wanted < 0 ? nil : Int(wanted)
                index += 2
            } else if call.word(index, is: "by"), left >= 1 {
                by = call[index + 1]
                // A pattern looks keys up that nobody can name before.
                guard call[index + 1].buffer.firstIndex(of: 0x2A) == nil || call.readsAllKeys else {
                    throw .text("ERR BY option of SORT denied due to insufficient ACL permissions")
                }
                index += 1
            } else if call.word(index, is: "get"), left >= 1 {
                guard call.readsAllKeys else {
                    throw .text("ERR GET option of SORT denied due to insufficient ACL permissions")
                }
                gets.append(call[index + 1])
                index += 1
            } else if allowsStore, call.word(index, is: "store"), left >= 1 {
                destination = call[index + 1]
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
    }
}

extension CommandCall {
    fileprivate var readsAllKeys: Bool { client.account.readsAllKeys(row, arguments) }

    private func elements(isSorting: Bool, isDescending: Bool) throws(CommandError) -> [[UInt8]] {
        var elements: [[UInt8]] = []
        switch keys.kind(of: self[1]) {
        case nil: break
        case .list:
            let list = try keys.read(self[1], as: ListValue.self)!
            list.forEach(from: 0, length: list.count) {
                elements.append($0.array)
                return true
            }
        case .set:
            try keys.read(self[1], as: SetValue.self)!.forEach {
                elements.append($0.array)
                return true
            }
            // A set has no order of its own; give it one, so that the same set gives the same result.
            if !isSorting { elements.sort { $0.lexicographicallyPrecedes($1) } }
        case .sortedSet:
            let set = try keys.read(self[1], as: SortedSetValue.self)!
            set.forEach(0..<set.count, backwards: !isSorting && isDescending) { member, _ in
                elements.append(member.array)
                return true
            }
        default: throw .wrongType
        }
        return elements
    }

    /// The value of the key, or of the field of a hash, that a pattern gives for an element; nil when missing.
    private func lookup(_ pattern: ByteSlice, _ element: [UInt8]) -> [UInt8]? {
        if pattern.equals("#") { return element }
        var name = pattern.array
        guard let star = name.firstIndex(of: 0x2A) else { return nil }
        var field: [UInt8]?
        // "->field" after the star, if anything follows it.
        if let arrow = name.indices.first(where: { index in
            index > star && index + 2 < name.count && name[index] == 0x2D && name[index + 1] == 0x3E
        }) {
            field = Array(name[(arrow + 2)...])
            name.removeSubrange(arrow...)
        }
        name.replaceSubrange(star...star, with: element)
        return name.withUnsafeBytes { bytes -> [UInt8]? in
            let key = ByteSlice(bytes)
            guard let field else {
                guard let entry = keys.lookup(key), entry.kind.isString else { return nil }
                return (try? keys.bytes(of: entry))?.array
            }
            guard let hash = try? keys.read(key, as: HashValue.self) else { return nil }
            return field.withUnsafeBytes { keys.value(of: ByteSlice($0), in: hash, at: key)?.array }
        }
    }

    fileprivate func sortElements(allowsStore: Bool) throws(CommandError) {
        let options = try SortOptions(self, allowsStore: allowsStore)
        var elements = try elements(isSorting: !options.keepsOrder, isDescending: options.isDescending)
        if !options.keepsOrder { elements = try sorted(elements, options) }
        let first = min(options.offset, elements.count)
        let last = min(elements.count, options.limit.map { first + min($0, elements.count) } ?? elements.count)
        let chosen = elements[first..<last]
        if let destination = options.destination { return try store(chosen, options, at: destination) }
        reply.array(chosen.count * max(1, options.gets.count))
        for element in chosen where !reply.isPointless {
            if options.gets.isEmpty { reply.bulk(element) }
            for pattern in options.gets where !reply.isPointless {
                if let found = lookup(pattern, element) { reply.bulk(found) } else { reply.null() }
            }
        }
    }

    /// Keeps the elements, or what GET finds for them, as a list.
    private func store(
        _ elements: ArraySlice<[UInt8]>, _ options: SortOptions, at destination: ByteSlice
    ) throws(CommandError) {
        let list = ListValue()
        var bytes = 0
        for element in elements {
            for pattern in options.gets.isEmpty ? [ByteSlice("#")] : options.gets {
                let found = lookup(pattern, element) ?? []
                found.withUnsafeBytes { list.pushBack(ByteSlice($0)) }
                bytes += found.count + 1
                guard bytes <= Limits.sortStoredBytesMax else { throw .text("ERR the sorted result is too large") }
            }
        }
        if list.isEmpty {
            if keys.remove(destination) { keys.modified(destination, .generic, "del") }
        } else {
            keys.set(destination, list)
            keys.modified(destination, .list, "sortstore")
        }
        reply.integer(list.count)
    }

    private func sorted(_ elements: [[UInt8]], _ options: SortOptions) throws(CommandError) -> [[UInt8]] {
        let weights: [[UInt8]?] = elements.map { element in options.by.map { lookup($0, element) } ?? element }
        var order = Array(elements.indices)
        let sign = options.isDescending
        if options.isAlphabetical {
            order.sort { left, right in
                let (first, second) = sign ? (right, left) : (left, right)
                let a = weights[first] ?? []
                let b = weights[second] ?? []
                if a != b { return a.lexicographicallyPrecedes(b) }
                return options.by == nil
                    ? first < second : elements[first].lexicographicallyPrecedes(elements[second])
            }
        } else {
            var scores: [Double] = []
            for weight in weights {
                guard let weight else {
                    scores.append(0)
                    continue
                }
                // No text at all counts as 0.
                guard let score = weight.isEmpty ? 0 : weight.withUnsafeBytes({ DoubleText.parse(ByteSlice($0)) })
                else {
                    throw .text("ERR One or more scores can't be converted into double")
                }
                scores.append(score)
            }
            order.sort { left, right in
                let (first, second) = sign ? (right, left) : (left, right)
                if scores[first] != scores[second] { return scores[first] < scores[second] }
                return elements[first].lexicographicallyPrecedes(elements[second])
            }
        }
        return order.map { elements[$0] }
    }
}
