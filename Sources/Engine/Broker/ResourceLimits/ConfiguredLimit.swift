// Limits of the configuration: they hold from each start on, and go with the start after they were taken out.
// Loop thread, and the starting one that checks the configuration. Next: BrokerLimits.swift.

import Wire

/// `NAME LIMIT VALUE [LIMIT VALUE …]`, as in `guest max-channels 100`.
public struct ConfiguredLimit {
    let subject: LimitSubject
    let name: ByteString
    let limits: [ResourceLimit]

    public static func checkVirtualHosts(_ text: String) throws(ConfigurationFailure) {
        _ = try ConfiguredLimit(text, .virtualHost)
    }

    public static func checkUsers(_ text: String) throws(ConfigurationFailure) {
        _ = try ConfiguredLimit(text, .user)
    }

    init(_ text: String, _ subject: LimitSubject) throws(ConfigurationFailure) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count >= 3, words.count % 2 == 1, words[0].utf8.count <= 255 else {
            throw ConfigurationFailure(reason: "NAME LIMIT VALUE expected")
        }
        var limits: [ResourceLimit] = []
        for index in stride(from: 1, to: words.count, by: 2) {
            do throws(LimitFailure) {
                var limit = try subject.limit(words[index], words[index + 1])
                limit.isConfigured = true
                limits.append(limit)
            } catch {
                throw ConfigurationFailure(reason: error.reason)
            }
        }
        self.subject = subject
        name = ByteString(words[0])
        self.limits = limits
    }
}

extension Broker {
    func setConfiguredLimits() {
        let configuration = context.configuration
        let given =
            configuration.virtualHostLimits.compactMap { try? ConfiguredLimit($0, .virtualHost) }
            + configuration.userLimits.compactMap { try? ConfiguredLimit($0, .user) }
        for configured in given {
            guard configured.subject == .user || virtualHost(configured.name.slice) != nil else {
                context.log(
                    .error, "a limit of the configuration names a virtual host that does not exist",
                    ("vhost", configured.name.string))
                continue
            }
            for limit in configured.limits {
                changeByConfiguration { () throws(BrokerError) in
                    try setLimit(limit, of: configured.subject, configured.name.slice)
                }
            }
        }
        for (subject, name, limit) in allLimits where limit.isConfigured {
            let isKept = given.contains {
                $0.subject == subject && $0.name.slice == name.slice && $0.limits.contains { $0.name == limit.name }
            }
            if isKept { continue }
            changeByConfiguration { () throws(BrokerError) in
                _ = try clearLimits(limit.name, of: subject, name.slice)
            }
        }
    }
}
