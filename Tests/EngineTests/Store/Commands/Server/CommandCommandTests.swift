import Testing
import Wire

@testable import Engine

struct CommandCommandTests {
    /// Goal: every syntax can be read, and none is for a command that is not there. Method: walk both tables.
    @Test func everySyntaxIsWellFormedAndUsed() {
        let table = CommandTable()
        for row in table.rows.flatMap({ [$0] + $0.subcommands.map(\.row) }) {
            let syntax = row.command.syntax ?? CommandSyntax.byName[row.fullName] ?? ""
            _ = CommandArgument.parse(syntax)
        }
        for syntax in CommandSyntax.byName.values { _ = CommandArgument.parse(syntax) }
    }

    @Test func readsTheNotation() throws {
        let arguments = CommandArgument.parse(
            "key:k [condition<NX | XX>] [EX seconds:i] score_member(score:d member)... [GET pattern:p...+]")
        try #require(arguments.count == 5)
        #expect(arguments[0].kind == .key && arguments[0].keySpecification == 0)
        #expect(arguments[1].kind == .oneof && arguments[1].isOptional && arguments[1].parts.count == 2)
        #expect(arguments[1].parts[0].kind == .pureToken && arguments[1].parts[0].token == "NX")
        #expect(arguments[2].kind == .integer && arguments[2].token == "EX" && arguments[2].name == "seconds")
        #expect(arguments[3].kind == .block && arguments[3].isMultiple && arguments[3].parts.count == 2)
        #expect(arguments[4].isOptional && arguments[4].isMultiple && arguments[4].repeatsToken)
    }

    @Test func infoIsRedisFormat() {
        let store = TestStore()
        let expected =
            "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n"
            + "+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\n"
            + "type\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n"
            + "$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n"
        #expect(store.reply("COMMAND", "INFO", "get") == expected)
        #expect(store.reply("COMMAND", "INFO", "nosuch") == "*1\r\n*-1\r\n")
    }

    @Test func findsKeys() {
        let store = TestStore()
        #expect(store.reply("COMMAND", "GETKEYS", "MGET", "a", "b") == "*2\r\n$1\r\na\r\n$1\r\nb\r\n")
        #expect(store.reply("COMMAND", "GETKEYS", "EVAL", "x", "2", "a", "b", "c") == "*2\r\n$1\r\na\r\n$1\r\nb\r\n")
        #expect(store.reply("COMMAND", "GETKEYS", "PING", "a") == "-ERR The command has no key arguments\r\n")
        #expect(store.reply("COMMAND", "GETKEYS", "nosuch", "a") == "-ERR Invalid command specified\r\n")
        #expect(
            store.reply("COMMAND", "GETKEYSANDFLAGS", "SET", "a", "b")
                == "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n")
        #expect(
            store.reply("COMMAND", "GETKEYSANDFLAGS", "SET", "a", "b", "GET")
                == "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n")
        #expect(
            store.reply("COMMAND", "GETKEYSANDFLAGS", "RENAME", "a", "b")
                == "*2\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n"
                + "*2\r\n$1\r\nb\r\n*2\r\n+OW\r\n+update\r\n")
    }

    @Test func listsByPattern() {
        let store = TestStore()
        #expect(
            store.reply("COMMAND", "LIST", "FILTERBY", "PATTERN", "evalsha*")
                == "*2\r\n$7\r\nevalsha\r\n$10\r\nevalsha_ro\r\n")
        #expect(store.reply("COMMAND", "LIST", "FILTERBY", "FOO", "a") == "-ERR syntax error\r\n")
    }
}
