// Limits of virtual hosts and users, set and cleared: by clients, by the configuration, from the log.
// Loop thread only. Next: ResourceLimits.swift.

import Wire

extension Broker {
    /// The user's limits and counts; made when they are first asked for.
    func usage(of user: ByteSlice) -> UserUsage {
        if let known = userUsages[user] { return known }
        let made = UserUsage(name: ByteString(user))
        userUsages.insert(made, for: made.name)
        return made
    }

    func limits(of subject: LimitSubject, _ name: ByteSlice) -> ResourceLimits? {
        switch subject {
        case .virtualHost: virtualHost(name)?.limits
        case .user: userUsages[name]?.limits
        }
    }

    /// Sets one limit of a virtual host, which must exist, or of a user.
    func setLimit(_ limit: ResourceLimit, of subject: LimitSubject, _ name: ByteSlice) throws(BrokerError) {
        if let known = limits(of: subject, name), known.all.contains(limit) { return }
        try log.checkWritable()
        change(subject, name) { $0.set(limit) }
        log.limitSet(limit, of: subject, name)
        events?.limitsSet(subject, name, [limit])
    }

    /// Clears one limit, or all. Returns whether there was one.
    func clearLimits(_ limit: LimitName?, of subject: LimitSubject, _ name: ByteSlice) throws(BrokerError) -> Bool {
        let known = (limits(of: subject, name)?.all ?? []).filter { limit == nil || $0.name == limit }
        guard !known.isEmpty else { return false }
        try log.checkWritable()
        for gone in known {
            change(subject, name) { $0.clear(gone.name) }
            log.limitCleared(gone.name, of: subject, name)
        }
        events?.limitsCleared(subject, name)
        return true
    }

    private func change(_ subject: LimitSubject, _ name: ByteSlice, _ body: (inout ResourceLimits) -> Void) {
        switch subject {
        case .virtualHost: if let host = virtualHost(name) { body(&host.limits) }
        case .user: body(&usage(of: name).limits)
        }
    }

    /// Every limit there is.
    var allLimits: [(subject: LimitSubject, name: ByteString, limit: ResourceLimit)] {
        virtualHosts.values.flatMap { host in host.limits.all.map { (.virtualHost, host.name, $0) } }
            + userUsages.values.flatMap { user in user.limits.all.map { (.user, user.name, $0) } }
    }
}
