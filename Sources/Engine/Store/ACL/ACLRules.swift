// The rules of ACL SETUSER, one at a time: `on`, `>password`, `~pattern`, `+command`, …, with Redis's meaning and errors.
// Changes of a user are tried on a copy: all rules or none.
// Loop thread only. Next: ACLUser.swift.

import Wire

/// Why a rule was refused.
enum ACLRuleError: Error {
    case syntax
    case unknownCommand
    case firstWordOfSubcommand
    case keysAreAllAlready
    case channelsAreAllAlready
    case noSuchPassword
    case badHash

    var text: String {
        switch self {
        case .syntax: "Syntax error"
        case .unknownCommand: "Unknown command or category name in ACL"
        case .firstWordOfSubcommand: "Allowing first-arg of a subcommand is not supported"
        case .keysAreAllAlready:
            "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
                + "Try 'resetkeys' to start with an empty list of patterns"
        case .channelsAreAllAlready:
            "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. "
                + "Try 'resetchannels' to start with an empty list of channels"
        case .noSuchPassword: "The password you are trying to remove from the user does not exist"
        case .badHash:
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
        }
    }
}

extension ACLSelector {
    /// Rules about commands, keys and channels.
    mutating func apply(_ rule: String, _ table: CommandTable) throws(ACLRuleError) {
        switch rule.lowercased() {
        case "allkeys", "~*":
            allowsAllKeys = true
            keyPatterns = []
        case "resetkeys":
            allowsAllKeys = false
            keyPatterns = []
        case "allchannels", "&*":
            allowsAllChannels = true
            channelPatterns = []
        case "resetchannels":
            allowsAllChannels = false
            channelPatterns = []
        case "allcommands", "+@all": setAllCommands(true)
        case "nocommands", "-@all": setAllCommands(false)
        default: try applyPattern(rule, table)
        }
    }

    private mutating func applyPattern(_ rule: String, _ table: CommandTable) throws(ACLRuleError) {
        switch rule.first {
        case "~": try addKeys(rule.dropFirst(), .both)
        case "%":
            guard !allowsAllKeys else { throw .keysAreAllAlready }
            var use: KeyUse = []
            var rest = rule.dropFirst()
            while let letter = rest.first, letter != "~" {
                switch letter {
                case "R", "r": use.insert(.read)
                case "W", "w": use.insert(.write)
                default: throw .syntax
                }
                rest = rest.dropFirst()
            }
            guard !use.isEmpty, rest.first == "~" else { throw .syntax }
            try addKeys(rest.dropFirst(), use)
        case "&":
            guard !allowsAllChannels else { throw .channelsAreAllAlready }
            guard !Self.hasSpaces(rule) else { throw .syntax }
            let pattern = ByteString(String(rule.dropFirst()))
            if !channelPatterns.contains(where: { $0.slice == pattern.slice }) { channelPatterns.append(pattern) }
        case "+" where rule.dropFirst().first == "@", "-" where rule.dropFirst().first == "@":
            try setCategory(String(rule.dropFirst(2)).lowercased(), rule.first == "+", table)
        case "+": try allow(String(rule.dropFirst()), table)
        case "-":
            guard let row = Self.row(String(rule.dropFirst()), table) else { throw .unknownCommand }
            set(row, false)
            note(row.fullName, false)
        default: throw .syntax
        }
    }

    private static func hasSpaces(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.properties.isWhitespace || $0.value == 0 }
    }

    private mutating func addKeys(_ pattern: Substring, _ use: KeyUse) throws(ACLRuleError) {
        guard !allowsAllKeys else { throw .keysAreAllAlready }
        guard !Self.hasSpaces(String(pattern)) else { throw .syntax }
        let bytes = ByteString(String(pattern))
        if let known = keyPatterns.firstIndex(where: { $0.pattern.slice == bytes.slice }) {
            keyPatterns[known].use.formUnion(use)
        } else {
            keyPatterns.append(KeyPattern(pattern: bytes, use: use))
        }
    }

    // MARK: Commands

    private static func row(_ name: String, _ table: CommandTable) -> CommandRow? {
        ByteString(name).withSlice { table.findByFullName($0) }
    }

    private mutating func setAllCommands(_ isAllowed: Bool) {
        for index in allowedRows.indices { allowedRows[index] = isAllowed }
        allowsAllCommands = isAllowed
        beginsWithAll = isAllowed
        firstWords = [:]
        rules = []
    }

    private mutating func set(_ row: CommandRow, _ isAllowed: Bool) {
        allowedRows[row.number] = isAllowed
        firstWords[row.number] = nil
        if !isAllowed { allowsAllCommands = false }
        for (_, subcommand) in row.subcommands { set(subcommand, isAllowed) }
    }

    private mutating func setCategory(
        _ category: String, _ isAllowed: Bool, _ table: CommandTable
    ) throws(ACLRuleError) {
        guard let bit = CommandDescription.categoryBit(category) else { throw .unknownCommand }
        for row in table.allRows where row.categoryBits & bit != 0 {
            allowedRows[row.number] = isAllowed
            firstWords[row.number] = nil
            if !isAllowed { allowsAllCommands = false }
        }
        note("@" + category, isAllowed)
    }

    private mutating func allow(_ name: String, _ table: CommandTable) throws(ACLRuleError) {
        guard let bar = name.lastIndex(of: "|") else {
            guard let row = Self.row(name, table) else { throw .unknownCommand }
            set(row, true)
            return note(row.fullName, true)
        }
        let word = name[name.index(after: bar)...].lowercased()
        guard let row = Self.row(String(name[..<bar]), table) else { throw .unknownCommand }
        guard !row.isSubcommand else { throw .firstWordOfSubcommand }
        guard !word.isEmpty else { throw .syntax }
        if row.subcommands.isEmpty {
            let bytes = ByteString(word)
            if firstWords[row.number]?.contains(where: { $0.slice == bytes.slice }) != true {
                firstWords[row.number, default: []].append(bytes)
            }
        } else {
            guard let subcommand = Self.row(name, table) else { throw .unknownCommand }
            set(subcommand, true)
        }
        note(name.lowercased(), true)
    }

    /// A rule stands in for earlier ones of the same command and for those of its subcommands.
    private mutating func note(_ name: String, _ isAllowed: Bool) {
        rules.removeAll { $0.dropFirst() == name || $0.dropFirst().hasPrefix(name + "|") }
        rules.append((isAllowed ? "+" : "-") + name)
    }
}
