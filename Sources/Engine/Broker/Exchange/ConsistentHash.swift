// Which binding of an exchange of type x-consistent-hash takes a message. Weighted rendezvous instead of a ring of
// points: each binding draws a number from the hash of message and destination, which its weight makes larger, and
// the largest wins. So a new binding takes from each other one what is its share and nothing else moves, weights
// count exactly, and a weight of a million costs no memory. The price is one look at each binding, which the
// channels' route cache mostly saves. Several bindings to one destination count as the heaviest of them.
// What is chosen stays the same after a restart, so the hash has no seed.
// Loop thread only. Next: Exchange.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A hash that is the same in every process: where messages of one key went yesterday, they go today.
struct StableHash {
    private(set) var state: UInt64 = 0xCBF2_9CE4_8422_2325

    init() {}

    init(_ bytes: ByteSlice) { add(bytes) }

    mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

    mutating func add(_ bytes: ByteSlice) { for index in 0..<bytes.count { add(bytes[index]) } }

    mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// All bits depend on all that was added.
    var value: UInt64 { Self.mix(state) }

    static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The bindings of one exchange with their weights.
struct ConsistentHash {
    private struct Share {
        let binding: Binding
        let weight: Double
        let hash: UInt64
    }

    private var shares: [Share] = []

    /// The weight that a binding key stands for: a whole number above 0.
    static func weight(_ key: ByteSlice) throws(BrokerError) -> Double {
        // A sign may come first, as in Erlang.
        let hasSign = !key.isEmpty && (key[0] == 0x2B || key[0] == 0x2D)
        let digits = hasSign ? key.dropping(1) : key
        guard !digits.isEmpty, digits.buffer.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            let shown = key.isEmpty ? "" : "\"\(key.string)\""
            throw .invalidBinding("The binding key must be an integer: <<\(shown)>>")
        }
        let weight = Double(digits.string) ?? 0
        guard weight >= 1, key[0] != 0x2D else { throw .invalidBinding("The binding key must be greater than 0") }
        return weight
    }

    mutating func insert(_ binding: Binding) {
        // Checked when it was bound.
        guard let weight = try? Self.weight(binding.routingKey.slice) else { return }
        var hash = StableHash(binding.destination.name.slice)
        if case .exchange = binding.destination { hash.add(UInt8(1)) }
        shares.append(Share(binding: binding, weight: weight, hash: hash.value))
    }

    mutating func remove(_ binding: Binding) { shares.removeAll { $0.binding === binding } }

    /// The binding for messages with this hash; nil when there are no bindings.
    func choose(_ hash: UInt64) -> Binding? {
        var best: Share?
        var bestScore = -1.0
        for share in shares {
            let mixed = StableHash.mix(hash ^ share.hash)
            // Between 0 and 1, and neither.
            let fraction = (Double(mixed >> 12) + 0.5) / Double(UInt64(1) << 52)
            let score = share.weight / -log(fraction)
            if score > bestScore {
                best = share
                bestScore = score
            }
        }
        return best?.binding
    }
}

/// What of a message an exchange of type x-consistent-hash hashes: arguments `hash-header` and `hash-property`.
enum HashSource {
    case routingKey
    /// A header of this name; messages without it are all alike.
    case header([UInt8])
    case messageID, correlationID, timestamp

    init(arguments: ByteSlice) throws(BrokerError) {
        let table = FieldTableView(arguments)
        let header = (try? table.value("hash-header")) ?? nil
        let property = (try? table.value("hash-property")) ?? nil
        switch (header, property) {
        case (nil, nil): self = .routingKey
        case (let header?, nil): self = .header(header.bytes.array)
        case (nil, let property?):
            let name = ArgumentText.plain(property)
            switch property.longString == nil ? "" : name {
            case "message_id": self = .messageID
            case "correlation_id": self = .correlationID
            case "timestamp": self = .timestamp
            default: throw .invalidExchange("Unsupported property: \(name)")
            }
        case (_?, _?): throw .invalidExchange("hash-header and hash-property are mutually exclusive")
        }
    }

    /// The address alone decides.
    var isRoutingKey: Bool { if case .routingKey = self { true } else { false } }

    /// - Parameter properties: flags and list of the message's properties.
    func hash(keys: [ByteSlice], properties: ByteSlice) -> UInt64 {
        if isRoutingKey { return Self.hash(keys) }
        guard let view = try? BasicPropertiesView(properties) else { return StableHash().value }
        switch self {
        case .routingKey: return Self.hash(keys)
        case .messageID: return StableHash(view.text(.messageID) ?? .empty).value
        case .correlationID: return StableHash(view.text(.correlationID) ?? .empty).value
        case .timestamp:
            var hash = StableHash()
            if let timestamp = view.timestamp { hash.add(timestamp) }
            return hash.value
        case .header(let name):
            let found = name.withUnsafeBytes { (try? view.headers?.value(ByteSlice($0))) ?? nil }
            guard let found else { return StableHash().value }
            // Numbers by value, whatever their width.
            guard let number = found.integer else { return StableHash(found.bytes).value }
            var hash = StableHash()
            hash.add(UInt64(bitPattern: number))
            return hash.value
        }
    }

    /// Of all keys of a message, as it names them.
    static func hash(_ keys: [ByteSlice]) -> UInt64 {
        var hash = StableHash()
        for (index, key) in keys.enumerated() {
            if index > 0 { hash.add(UInt8(0)) }
            hash.add(key)
        }
        return hash.value
    }
}
