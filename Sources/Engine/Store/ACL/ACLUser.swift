// A user of the store: whether it may log in, with what passwords, and what it may do.
// Passwords are kept as SHA-256 only. Loop thread only. Next: AccessControl.swift (all users).

import COpenSSL
import Wire

/// A user; clients hold it.
final class ACLUser {
    let name: String
    fileprivate(set) var rights: ACLRights {
        didSet { isRestricted = !rights.allowsEverything }
    }
    /// Commands of its clients have to be checked.
    private(set) var isRestricted: Bool
    /// May log in from loopback addresses only, as the configuration says.
    var isLoopbackOnly = false
    /// Made or changed by a command: in the log, and in every checkpoint.
    var isLogged = false

    init(name: String, rights: ACLRights) {
        self.name = name
        self.rights = rights
        isRestricted = !rights.allowsEverything
    }

    func become(_ rights: ACLRights) { self.rights = rights }

    /// Why this is not allowed; nil when it is.
    func denial(_ row: CommandRow, _ words: RESPArguments) -> ACLDenial? {
        guard isRestricted else { return nil }
        var telling = ACLDenial.command
        for selector in rights.selectors {
            guard let denial = selector.denial(row, words) else { return nil }
            if denial.isMoreTelling(than: telling) { telling = denial }
        }
        return telling
    }

    /// Whether SORT may look up keys by patterns.
    func readsAllKeys(_ row: CommandRow, _ words: RESPArguments) -> Bool {
        !isRestricted || rights.selectors.contains { $0.readsAllKeys(row, words) }
    }

    /// Whether it may stay subscribed.
    func allowsChannel(_ channel: ByteSlice, isPattern: Bool) -> Bool {
        rights.selectors.contains { $0.allowsChannel(channel, isPattern: isPattern) }
    }
}

/// What a user may do, as a value: changes are made on a copy.
struct ACLRights {
    var isOn = false
    var needsNoPassword = false
    var sanitizesPayload = true
    /// SHA-256, 64 lower-case hexadecimal digits each, in the order in which they came.
    private(set) var passwords: [String] = []
    /// The first one is the root.
    private(set) var selectors: [ACLSelector]
    private let emptySelector: ACLSelector

    /// May do nothing, not even log in.
    init(rowCount: Int, allChannels: Bool) {
        emptySelector = ACLSelector(rowCount: rowCount, allChannels: allChannels)
        selectors = [emptySelector]
    }

    var allowsEverything: Bool { selectors[0].allowsEverything }

    func accepts(_ password: ByteSlice) -> Bool {
        guard isOn else { return false }
        if needsNoPassword { return true }
        let hash = Self.hash(password)
        // All are looked at, and all of each: the time says nothing.
        var found = false
        for known in passwords {
            var difference: UInt8 = 0
            for (left, right) in zip(known.utf8, hash.utf8) { difference |= left ^ right }
            if difference == 0 { found = true }
        }
        return found
    }

    static func hash(_ password: ByteSlice) -> String {
        let hex = Array("0123456789abcdef".utf8)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(SHA256_DIGEST_LENGTH)) { digest in
            SHA256(password.base.assumingMemoryBound(to: UInt8.self), password.count, digest.baseAddress)
            return String(decoding: digest.flatMap { [hex[Int($0 >> 4)], hex[Int($0 & 15)]] }, as: UTF8.self)
        }
    }

    // MARK: Rules

    /// One rule of ACL SETUSER. Selectors come whole, in parentheses.
    mutating func apply(_ rule: String, _ table: CommandTable) throws(ACLRuleError) {
        switch rule.lowercased() {
        // Says nothing, as in Redis.
        case "": break
        case "on": isOn = true
        case "off": isOn = false
        case "nopass":
            needsNoPassword = true
            passwords = []
        case "resetpass":
            needsNoPassword = false
            passwords = []
        case "sanitize-payload": sanitizesPayload = true
        case "skip-sanitize-payload": sanitizesPayload = false
        case "clearselectors": selectors.removeSubrange(1...)
        case "reset":
            self = ACLRights(rowCount: emptySelector.allowedRows.count, allChannels: emptySelector.allowsAllChannels)
        default:
            switch rule.first {
            case ">", "#": add(try Self.hash(of: rule, plain: ">"))
            case "<", "!":
                let hash = try Self.hash(of: rule, plain: "<")
                guard let index = passwords.firstIndex(of: hash) else { throw .noSuchPassword }
                passwords.remove(at: index)
            case "(":
                guard rule.last == ")" else { throw .syntax }
                var selector = emptySelector
                for word in rule.dropFirst().dropLast().split(separator: " ") {
                    try selector.apply(String(word), table)
                }
                selectors.append(selector)
            default: try selectors[0].apply(rule, table)
            }
        }
    }

    private static func hash(of rule: String, plain: Character) throws(ACLRuleError) -> String {
        let rest = String(rule.dropFirst())
        if rule.first == plain { return ByteString(rest).withSlice { hash($0) } }
        guard rest.utf8.count == 64, rest.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 &- 0x61 < 6 }) else { throw .badHash }
        return rest
    }

    private mutating func add(_ hash: String) {
        if !passwords.contains(hash) { passwords.append(hash) }
        needsNoPassword = false
    }

    /// Words of a request or line, with what stands in parentheses put together.
    /// A further one that is not closed begins anew, as in Redis.
    static func merged(_ words: [String]) throws(CommandError) -> [String] {
        var merged: [String] = []
        var open: (first: String, whole: String)?
        for word in words {
            if word.hasPrefix("("), !word.hasSuffix(")") {
                open = (word, word)
            } else if let begun = open {
                let whole = begun.whole + " " + word
                open = word.hasSuffix(")") ? nil : (begun.first, whole)
                if open == nil { merged.append(whole) }
            } else {
                merged.append(word)
            }
        }
        if let open { throw .message("ERR Unmatched parenthesis in acl selector starting at '\(open.first)'.") }
        return merged
    }

    // MARK: Describing

    var flags: [String] {
        [isOn ? "on" : "off"] + (needsNoPassword ? ["nopass"] : [])
            + [sanitizesPayload ? "sanitize-payload" : "skip-sanitize-payload"]
    }

    /// All rules that make it, as ACL LIST shows them behind the name.
    var text: String {
        (flags + passwords.map { "#" + $0 } + [selectors[0].text] + selectors.dropFirst().map { "(\($0.text))" })
            .joined(separator: " ")
    }
}
