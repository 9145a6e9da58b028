// Scripts that match patterns, take tables apart and put them in order, and what Redis 7.0.15 answers to them over
// RESP2: recorded once, byte for byte.

/// Script and reply.
let patternAnswers: [(script: String, reply: String)] = [
    ("return {string.find('hello world', 'o w')}", "*2\r\n:5\r\n:7\r\n"),
    ("return {string.find('hello', 'l+')}", "*2\r\n:3\r\n:4\r\n"),
    ("return {string.find('hello', '(l)(l)')}", "*4\r\n:3\r\n:4\r\n$1\r\nl\r\n$1\r\nl\r\n"),
    ("return {string.find('hello', '')}", "*2\r\n:1\r\n:0\r\n"),
    ("return {string.find('hello', '', 10)}", "*2\r\n:6\r\n:5\r\n"),
    ("return {string.find('hello', 'l', -2)}", "*2\r\n:4\r\n:4\r\n"),
    ("return {string.find('hello', 'l', -20)}", "*2\r\n:3\r\n:3\r\n"),
    ("return {string.find('a.b', '.', 1, true)}", "*2\r\n:2\r\n:2\r\n"),
    ("return {string.find('a.b', '.', 2, true)}", "*2\r\n:2\r\n:2\r\n"),
    ("return {string.find('a\\0b', 'b')}", "*2\r\n:3\r\n:3\r\n"),
    ("return {string.find('a\\0b', '%z')}", "*2\r\n:2\r\n:2\r\n"),
    ("return {string.find('abc', 'b\\0c')}", "*0\r\n"),
    ("return {string.find('', '^$')}", "*2\r\n:1\r\n:0\r\n"),
    ("return {string.find('abc', '()b()')}", "*4\r\n:2\r\n:2\r\n:2\r\n:3\r\n"),
    ("return {string.find(12321, 3)}", "*2\r\n:3\r\n:3\r\n"),
    ("return {string.match('key:123', '^(%a+):(%d+)$')}", "*2\r\n$3\r\nkey\r\n$3\r\n123\r\n"),
    ("return {string.match('  trim  ', '^%s*(.-)%s*$')}", "*1\r\n$4\r\ntrim\r\n"),
    ("return {string.match('2024-01-02', '(%d+)-(%d+)-(%d+)')}", "*3\r\n$4\r\n2024\r\n$2\r\n01\r\n$2\r\n02\r\n"),
    ("return {string.match('THE (quick) fox', '%((%a+)%)')}", "*1\r\n$5\r\nquick\r\n"),
    ("return {string.match('x = [[[a]b]c]', '%b[]')}", "*1\r\n$9\r\n[[[a]b]c]\r\n"),
    ("return {string.match('\"a\" \\'b\"', '([\"\\'])(.-)%1')}", "*2\r\n$1\r\n\"\r\n$1\r\na\r\n"),
    ("return {string.match('THE fox', '%f[%a]%a+%f[%A]')}", "*1\r\n$3\r\nTHE\r\n"),
    ("return {string.match('abc', '[^]a]')}", "*1\r\n$1\r\nb\r\n"),
    ("return {string.match('a]c', '[]]')}", "*1\r\n$1\r\n]\r\n"),
    ("return {string.match('a-c', '[a%-]+')}", "*1\r\n$2\r\na-\r\n"),
    ("return {string.match('a-c', '[a-]+')}", "*1\r\n$2\r\na-\r\n"),
    ("return {string.match('f(a(b)c)d', '%b()')}", "*1\r\n$7\r\n(a(b)c)\r\n"),
    ("return {string.match('abc', 'b', 3)}", "*0\r\n"),
    ("return {string.match('abc', '^b', 2)}", "*1\r\n$1\r\nb\r\n"),
    ("return {string.match('aaa', 'a-$')}", "*1\r\n$3\r\naaa\r\n"),
    ("return {string.match('aaa', '^(a-)a$')}", "*1\r\n$2\r\naa\r\n"),
    ("return {string.match('a$', '$')}", "*1\r\n$0\r\n\r\n"),
    ("return {string.match('a$b', 'a$b')}", "*1\r\n$3\r\na$b\r\n"),
    ("return {string.gsub('hello world', 'o', '0')}", "*2\r\n$11\r\nhell0 w0rld\r\n:2\r\n"),
    ("return {string.gsub('hello world', 'o', '0', 1)}", "*2\r\n$11\r\nhell0 world\r\n:1\r\n"),
    ("return {string.gsub('hello', '', '-')}", "*2\r\n$11\r\n-h-e-l-l-o-\r\n:6\r\n"),
    ("return {string.gsub('abc', '%w', '%0%0')}", "*2\r\n$6\r\naabbcc\r\n:3\r\n"),
    ("return {string.gsub('abc def', '(%w+) (%w+)', '%2 %1')}", "*2\r\n$7\r\ndef abc\r\n:1\r\n"),
    ("return {string.gsub('abc', 'b', '%%')}", "*2\r\n$3\r\na%c\r\n:1\r\n"),
    ("return {string.gsub('abc', 'b', '%x')}", "*2\r\n$3\r\naxc\r\n:1\r\n"),
    ("return {string.gsub('$name is $age', '%$(%w+)', {name='Bob', age=7})}", "*2\r\n$8\r\nBob is 7\r\n:2\r\n"),
    ("return {string.gsub('abc', '%w', function(c) if c == 'b' then return 'X' end end)}", "*2\r\n$3\r\naXc\r\n:3\r\n"),
    ("return {string.gsub('abc', '%w', {a=false, b='B'})}", "*2\r\n$3\r\naBc\r\n:3\r\n"),
    ("return {string.gsub('abc', '^a', 'x')}", "*2\r\n$3\r\nxbc\r\n:1\r\n"),
    ("return {string.gsub('aaa', '^a', 'x')}", "*2\r\n$3\r\nxaa\r\n:1\r\n"),
    (
        "return {string.gsub('abc', '.', {a={}})}",
        "-ERR user_script:1: invalid replacement value (a table) script: 29e380ed057bede6fb3aeba9938a87393eb08b2c, on @user_script:1.\r\n"
    ),
    (
        "return {string.gsub('abc', '(b)', '%2')}",
        "-ERR user_script:1: invalid capture index script: 04bcad8c4dec33ad4b1207022d9a8ea1047fa674, on @user_script:1.\r\n"
    ),
    (
        "return {string.gsub('abc', 'b', true)}",
        "-ERR user_script:1: bad argument #3 to 'gsub' (string/function/table expected) script: 3939657109ef33b64d4aba19b35b572273c7ba90, on @user_script:1.\r\n"
    ),
    (
        "return {string.gsub('abc', '[a', '')}",
        "-ERR user_script:1: malformed pattern (missing ']') script: e426271001862bab88ee1ee2c8c9bbb80bbe4740, on @user_script:1.\r\n"
    ),
    (
        "return {string.gsub('abc', '%', '')}",
        "-ERR user_script:1: malformed pattern (ends with '%') script: 99ba45cfaa9da8382b3e98d3cc6207ef6a7baa76, on @user_script:1.\r\n"
    ),
    ("return {string.gsub('abc', '(a', '')}", "*2\r\n$2\r\nbc\r\n:1\r\n"),
    (
        "return {string.gsub('abc', 'a)', '')}",
        "-ERR user_script:1: invalid pattern capture script: d963c485c91781248b244bc983279f0c4d248540, on @user_script:1.\r\n"
    ),
    (
        "return {string.find('abc', '%f')}",
        "-ERR user_script:1: missing '[' after '%f' in pattern script: 78d401de469064b5098661c8206e98a02572f086, on @user_script:1.\r\n"
    ),
    (
        "return {string.find('abc', '%b')}",
        "-ERR user_script:1: unbalanced pattern script: f74fc54d3f7abc1214967a5b460ec1b2ef8d62ec, on @user_script:1.\r\n"
    ),
    (
        "return {string.find('abc', '%1')}",
        "-ERR user_script:1: invalid capture index script: 92a0012b599f74e04b0fb4102562c8e0567593bc, on @user_script:1.\r\n"
    ),
    (
        "return {string.find('abc', ('()'):rep(33))}",
        "-ERR user_script:1: too many captures script: 38228016c2e70bfc6e2f2909d94587dfd450f9c0, on @user_script:1.\r\n"
    ),
    (
        "return {string.find('abc')}",
        "-ERR user_script:1: bad argument #2 to 'find' (string expected, got no value) script: d34e87265551979478bcbf6684e0adf22e2fbbb7, on @user_script:1.\r\n"
    ),
    (
        "return {string.find('abc', {})}",
        "-ERR user_script:1: bad argument #2 to 'find' (string expected, got table) script: da885a4ee4ea02d43639f27197d8b7297e93d53a, on @user_script:1.\r\n"
    ),
    (
        "local t = {} for k, v in string.gmatch('a=1, b=2', '(%w+)=(%w+)') do t[#t+1] = k .. v end return t",
        "*2\r\n$2\r\na1\r\n$2\r\nb2\r\n"
    ),
    ("local t = {} for w in ('one two'):gmatch('%a+') do t[#t+1] = w end return t", "*2\r\n$3\r\none\r\n$3\r\ntwo\r\n"),
    ("local t = {} for p in ('abc'):gmatch('()') do t[#t+1] = p end return t", "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n"),
    ("local t = {} for w in ('abc'):gmatch('^a') do t[#t+1] = w end return t", "*0\r\n"),
    (
        "local t = {} for w in ('aXbX'):gfind('%a') do t[#t+1] = w end return t",
        "*4\r\n$1\r\na\r\n$1\r\nX\r\n$1\r\nb\r\n$1\r\nX\r\n"
    ),
    ("return ('x'):rep(3)", "$3\r\nxxx\r\n"),
    ("return ('x'):rep(0)", "$0\r\n\r\n"),
    ("return ('x'):rep(-1)", "$0\r\n\r\n"),
    ("return ('ab'):rep('2')", "$4\r\nabab\r\n"),
    ("return {unpack({1, 2, 3})}", "*3\r\n:1\r\n:2\r\n:3\r\n"),
    ("return {unpack({1, 2, 3}, 2)}", "*2\r\n:2\r\n:3\r\n"),
    ("return {unpack({1, 2, 3}, 2, 3)}", "*2\r\n:2\r\n:3\r\n"),
    ("return {unpack({1, 2, 3}, 3, 2)}", "*0\r\n"),
    ("return #{unpack({}, 1, 7000)}", ":0\r\n"),
    (
        "return unpack({}, 1, 100000)",
        "-ERR user_script:1: too many results to unpack script: 9c698c36daee0031760627197921dc4cb3dd8e99, on @user_script:1.\r\n"
    ),
    (
        "local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) table.insert(t, 3, 9) return t",
        "*5\r\n:0\r\n:1\r\n:9\r\n:2\r\n:3\r\n"
    ),
    ("local t = {1} table.insert(t, 7, 2) return {#t, t[7]}", "*2\r\n:1\r\n:2\r\n"),
    ("local t = {1, 2, 3} return {table.remove(t), table.remove(t, 1), #t}", "*3\r\n:3\r\n:1\r\n:1\r\n"),
    ("return {table.remove({}), #{table.remove({1}, 5)}}", "*0\r\n"),
    (
        "table.insert({}, 1, 2, 3)",
        "-ERR user_script:1: wrong number of arguments to 'insert' script: bc556108a0eea9b424d1918ebc52dff0f4bb3ac3, on @user_script:1.\r\n"
    ),
    (
        "table.insert(1, 2)",
        "-ERR user_script:1: bad argument #1 to 'insert' (table expected, got number) script: 3293ec04c78463003cc1a0cb7763f151bf2caa50, on @user_script:1.\r\n"
    ),
    ("local t = {3, 1, 2} table.sort(t) return t", "*3\r\n:1\r\n:2\r\n:3\r\n"),
    ("local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t", "*3\r\n:3\r\n:2\r\n:1\r\n"),
    (
        "table.sort({1, 'a'})",
        "-ERR attempt to compare string with number script: a981187247f931902cd5c2395fa0ab81a1f8e7da, on @user_script:1.\r\n"
    ),
    (
        "table.sort({{}, {}})",
        "-ERR attempt to compare two table values script: bc90c591c3ff506c6ea594211b56b0f5019cf5ea, on @user_script:1.\r\n"
    ),
]
