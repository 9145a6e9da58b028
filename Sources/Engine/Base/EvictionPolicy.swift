// Which keys go when the store's memory is used up: Redis's `maxmemory-policy`.
// Next: ../Store/Eviction/Eviction.swift.

/// A policy of eviction, by Redis's names. In the order in which errors list them.
public enum EvictionPolicy: String, Sendable, CaseIterable {
    case volatileLRU = "volatile-lru"
    case volatileLFU = "volatile-lfu"
    case volatileRandom = "volatile-random"
    case volatileTTL = "volatile-ttl"
    case allKeysLRU = "allkeys-lru"
    case allKeysLFU = "allkeys-lfu"
    case allKeysRandom = "allkeys-random"
    case noEviction = "noeviction"

    /// Only keys that expire may go.
    var isVolatile: Bool {
        switch self {
        case .volatileLRU, .volatileLFU, .volatileRandom, .volatileTTL: true
        case .allKeysLRU, .allKeysLFU, .allKeysRandom, .noEviction: false
        }
    }

    /// Keys carry how often they are used, not when they were last.
    var countsFrequency: Bool { self == .volatileLFU || self == .allKeysLFU }

    var isRandom: Bool { self == .volatileRandom || self == .allKeysRandom }
}
