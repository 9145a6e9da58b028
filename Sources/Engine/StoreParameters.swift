// The parameters of CONFIG and the users of the store for who reads them from a file of Redis: asked of an engine, so
// that there is one list and one check.
// Starting thread. Next: Store/Commands/Server/ConfigParameter.swift, Store/ACL/AccessControl.swift.

import Wire

/// Sizes as Redis writes them.
public enum StoreUnits {
    /// `64`, `64k` (thousands), `64kb` (1,024), …
    public static func bytes(_ text: String) -> Int64? { ConfigParameter.bytes(text) }
}

extension Engine {
    /// A parameter's value, and whether it can be set; nil when there is none of that name.
    public func storeParameter(_ name: String) -> (value: String, isSettable: Bool)? {
        ConfigParameter.find(name).map { ($0.get(store), $0.set != nil) }
    }

    public var settableStoreParameters: [String] { ConfigParameter.all.filter { $0.set != nil }.map(\.name) }

    /// Sets one; returns why not.
    public func setStoreParameter(_ name: String, _ value: String) -> String? {
        guard let set = ConfigParameter.find(name)?.set else { return "cannot be set" }
        do throws(ConfigError) { try set(store, value) } catch { return error.reason }
        return nil
    }

    /// Why these words, a name and rules of ACL SETUSER, make no user.
    public func checkUser(_ words: [String]) -> String? {
        do throws(CommandError) {
            _ = try store.access.configuredRights(words, context.configuration, store.table)
        } catch {
            return error.text
        }
        return nil
    }
}
