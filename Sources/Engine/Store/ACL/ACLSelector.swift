// One set of permissions: commands, key patterns, channel patterns. A user has a root selector and may have more; what
// any one of them allows as a whole is allowed.
// Loop thread only. Next: ACLRules.swift (how rules change it), ACLUser.swift.

import Wire

/// Why something is not allowed, with the word at fault.
enum ACLDenial: Equatable {
    case command
    case key(Int)
    case channel(Int)

    /// Of several selectors' reasons the one that got furthest counts, then the last word.
    fileprivate var rank: (Int, Int) {
        switch self {
        case .command: (1, 0)
        case .key(let word): (2, word)
        case .channel(let word): (4, word)
        }
    }

    func isMoreTelling(than other: ACLDenial) -> Bool { rank > other.rank }
}

/// Permissions.
struct ACLSelector {
    struct KeyPattern {
        let pattern: ByteString
        var use: KeyUse
    }

    /// By the row's number.
    var allowedRows: [Bool]
    /// First words with which a command is allowed that is not as a whole (`+select|0`).
    var firstWords: [Int: [ByteString]] = [:]
    /// Everything, commands included that are yet to come.
    var allowsAllCommands = false
    /// The rules said since +@all or -@all, whichever was last, and which it was.
    var rules: [String] = []
    var beginsWithAll = false
    var allowsAllKeys = false
    var keyPatterns: [KeyPattern] = []
    var allowsAllChannels: Bool
    var channelPatterns: [ByteString] = []

    init(rowCount: Int, allChannels: Bool) {
        allowedRows = Array(repeating: false, count: rowCount)
        allowsAllChannels = allChannels
    }

    /// There is nothing to check.
    var allowsEverything: Bool { allowsAllCommands && allowsAllKeys && allowsAllChannels }

    // MARK: Checking

    func denial(_ row: CommandRow, _ words: RESPArguments) -> ACLDenial? {
        guard allows(row, words) else { return .command }
        var denied: ACLDenial?
        if !allowsAllKeys {
            row.forEachKey(words) { position, use in
                if !allowsKey(words[position], use) { denied = .key(position) }
                return denied == nil
            }
        }
        if denied == nil, !allowsAllChannels {
            row.forEachChannel(words) { position, isPattern in
                if !allowsChannel(words[position], isPattern: isPattern) { denied = .channel(position) }
                return denied == nil
            }
        }
        return denied
    }

    private func allows(_ row: CommandRow, _ words: RESPArguments) -> Bool {
        if allowsAllCommands || row.flags.contains(.noAuth) || allowedRows[row.number] { return true }
        guard let allowed = firstWords[row.number], words.count > 1 else { return false }
        let word = ByteString(words[1].string.lowercased())
        return allowed.contains { $0.slice == word.slice }
    }

    func allowsKey(_ key: ByteSlice, _ use: KeyUse) -> Bool {
        allowsAllKeys || keyPatterns.contains { $0.use.isSuperset(of: use) && Glob.matches($0.pattern.slice, key) }
    }

    /// A pattern is allowed where it stands among the rules word for word: what it matches cannot be told.
    func allowsChannel(_ channel: ByteSlice, isPattern: Bool) -> Bool {
        allowsAllChannels
            || channelPatterns.contains { isPattern ? $0.slice == channel : Glob.matches($0.slice, channel) }
    }

    /// May read any key there is: what SORT needs for BY and GET.
    func readsAllKeys(_ row: CommandRow, _ words: RESPArguments) -> Bool {
        guard allows(row, words) else { return false }
        return allowsAllKeys || keyPatterns.contains { $0.use.contains(.read) && $0.pattern.string == "*" }
    }

    // MARK: Describing

    /// As GETUSER says it: `+@all -@dangerous`.
    var commandsText: String { ([beginsWithAll ? "+@all" : "-@all"] + rules).joined(separator: " ") }

    var keysText: String {
        if allowsAllKeys { return "~*" }
        return keyPatterns.map { pattern in
            let mark =
                switch pattern.use {
                case .read: "%R~"
                case .write: "%W~"
                default: "~"
                }
            return mark + pattern.pattern.string
        }.joined(separator: " ")
    }

    var channelsText: String {
        allowsAllChannels ? "&*" : channelPatterns.map { "&" + $0.string }.joined(separator: " ")
    }

    /// All rules that make it, as ACL LIST shows them.
    var text: String {
        let channels = allowsAllChannels ? "&*" : "resetchannels " + channelsText
        return [keysText, channels, commandsText].map { $0.hasSuffix(" ") ? String($0.dropLast()) : $0 }
            .filter { !$0.isEmpty }.joined(separator: " ")
    }
}
