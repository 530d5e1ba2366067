#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Completion as it really is: a bash and a zsh on a terminal, with a line typed
into them. All verbs and options that --help lists must be offered, and nothing
else, and each kind of argument that --help names must be one that is known here.
BUILD says where pmpoolctl is. Prints TAP; fails when a check does.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get('BUILD', TOP / 'build')).resolve()
LIMIT = 60      # seconds to wait for a shell, which only fails when it hangs

# What a word in capitals in --help can be completed with, if anything.
EXTENTS = ['cache', 'sessions']
KINDS = {
    'NAME': EXTENTS, 'OLD': EXTENTS, 'WHICH': EXTENTS,
    'FILE': ['one', 'two'], 'PATH': ['one', 'two'],
    'USER': ['root'], 'GROUP': ['root'], 'WHEN': ['auto', 'always', 'never'],
    'NEW': [], 'SIZE': [], 'MODE': [], 'TEXT': [], 'N': [], 'ADDRESS': [], 'SECONDS': [],
}

checks = failures = 0


def ok(good, what, *why):
    global checks, failures
    checks += 1
    failures += not good
    print(f'{"ok" if good else "not ok"} {checks} - {what}')
    if not good:
        for line in why:
            print(f'# {line}')
    sys.stdout.flush()


def skip(what, why):
    global checks
    checks += 1
    print(f'ok {checks} - {what} # skip {why}')


def run(*args):
    done = subprocess.run([str(BUILD / 'pmpoolctl'), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def verbs_of(text):
    return re.findall(r'^  ([a-z]+) ', text, re.M)


def options_of(text):
    """What --help lists: the names, and for those with a value what it is called."""
    return dict(re.findall(r'^ +(?:-[a-zA-Z], )?(--[a-z-]+)(?:=([A-Z]+))?', text, re.M))


def letters_of(text):
    """The same for options of one letter."""
    return dict(re.findall(r'^ +(-[a-zA-Z]), --[a-z-]+(?:=([A-Z]+))?', text, re.M))


def arguments_of(verb, text):
    """The kinds of arguments that the usage names."""
    usage = re.findall(rf'pmpoolctl {verb} (.*)', text)
    words = [w for line in usage for w in line.split() if '=' not in w]
    return set(re.findall(r'[A-Z]+', ' '.join(words).replace('OPTION', '')))


class Shell:
    """A shell on a terminal. complete() types a line and returns what is offered."""

    def __init__(self, argv, env, setup):
        # Short answers: a terminal as wide as no line is.
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe(argv[0], argv, env)
        self.pid = pid
        subprocess.run(['stty', 'cols', '4000', 'rows', '200'], stdin=self.fd, check=True)
        for line in setup:
            self.send(line + '\n')
        self.send("printf 'RES''ULT %s\\n' END\n")
        self.results()

    def send(self, text):
        os.write(self.fd, text.encode())

    def results(self):
        """What stands behind RESULT in each line, up to END."""
        text = ''
        end = time.monotonic() + LIMIT
        while not re.search(r'RESULT END\r?$', text, re.M):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise RuntimeError(f'the shell does not answer; it said: {text[-2000:]!r}')
            text += os.read(self.fd, 65536).decode(errors='replace')
        return re.findall(r'RESULT ([^\r\n]*)\r?$', text, re.M)[:-1]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Bash(Shell):
    def __init__(self):
        super().__init__(['bash', '--norc', '--noprofile', '-i'],
                         {**os.environ, 'INPUTRC': '/dev/null', 'PS1': '', 'HISTFILE': '',
                          'PATH': f'{BUILD}:{os.environ["PATH"]}'},
                         ['bind "set enable-bracketed-paste off"',
                          f'source {TOP}/completions/pmpoolctl.bash'])

    def complete(self, line):
        # Insert all that is offered; then print the words of the line.
        known = len(line.split()) - (not line.endswith(' '))
        self.send(f"{line}\x1b* END\x01printf 'RES''ULT %s\\n' \n")
        typed = line.split()[known:]
        offered = self.results()[known:]
        # Nothing is offered: what was typed stands there still.
        if offered == typed:
            return []
        return [re.sub('^--[a-z-]*=(?=.)', '', word) for word in offered]


class Zsh(Shell):
    def __init__(self):
        super().__init__(['zsh', '-f', '-i'],
                         {**os.environ, 'PS1': '', 'PROMPT': '', 'TERM': 'xterm',
                          'PATH': f'{BUILD}:{os.environ["PATH"]}'},
                         [f'fpath=({TOP}/completions $fpath)',
                          'autoload -U compinit; compinit -D -u',
                          'setopt no_beep no_list_beep; LISTMAX=10000',
                          # What is offered passes through compadd.
                          'compadd() { local -a hits; '
                          'if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; '
                          'else builtin compadd -O hits "$@"; offered+=($hits); '
                          'builtin compadd "$@"; fi }',
                          'report() { zle -I; print -rl -- "RES""ULT "$^offered "RES""ULT END"; '
                          "offered=(); BUFFER=''; }",
                          'zle -N report; bindkey "^[r" report; offered=()'])

    def complete(self, line):
        self.send(f'{line}\t\x1br')
        return self.results()


def check_shell(name, shell, helps, extents):
    def offers(line, expected, what):
        found = sorted(set(shell.complete(line)))
        ok(found == sorted(expected), f'{name}: {what}', f'typed:    {line!r}',
           f'offered:  {" ".join(found)}', f'expected: {" ".join(sorted(expected))}')

    def offers_kind(line, kinds, what):
        expected = sorted({w for kind in kinds for w in KINDS.get(kind, [])})
        # Where nothing else can stand, zsh offers options.
        found = [w for w in shell.complete(line) if not w.startswith('-')]
        missing = [w for w in expected if w not in found and (extents or w not in EXTENTS)]
        wrong = [w for w in EXTENTS if w in found and w not in expected]
        ok(not missing and not wrong and (expected or not found), f'{name}: {what}',
           f'typed:   {line!r}', f'offered: {" ".join(found)}', f'missing: {" ".join(missing)}')

    offers('pmpoolctl ', list(helps), 'verbs')
    offers('pmpoolctl lis', ['list'], 'the verb that begins so')
    offers('pmpoolctl --v', ['--version'], 'options of pmpoolctl itself')
    offers('pmpoolctl map --color=al', ['always'], 'a value that begins so')
    for verb, text in helps.items():
        options = options_of(text)
        # bash shows that a value follows.
        offers(f'pmpoolctl {verb} --',
               [o + ('=' if kind and name == 'bash' else '') for o, kind in options.items()],
               f'{verb}: options')
        for option, kind in options.items():
            if kind:
                offers_kind(f'pmpoolctl {verb} {option}=', [kind], f'{verb}: {option}=')
                offers_kind(f'pmpoolctl {verb} {option} ', [kind], f'{verb}: {option}')
        for option, kind in letters_of(text).items():
            if kind:
                offers_kind(f'pmpoolctl {verb} {option} ', [kind], f'{verb}: {option}')
        kinds = [] if verb == 'create' else arguments_of(verb, text)
        offers_kind(f'pmpoolctl {verb} ', kinds, f'{verb}: arguments')


def check_help(helps):
    """What --help says is true, and pmpoolctl(1) has it too."""
    page = (TOP / 'man/pmpoolctl.1').read_text()
    for verb, text in helps.items():
        options = options_of(text)
        refused = [o for o in options
                   if 'unrecognized option' in run(verb, o + '=?', '--help')[1]]
        ok('--help' in options and not refused, f'help: {verb}: options are understood', *refused)
        unknown = [kind for kind in {*options.values(), *arguments_of(verb, text)}
                   if kind and kind not in KINDS]
        ok(not unknown, f'help: {verb}: the shells can complete its arguments',
           f'of unknown kind: {" ".join(unknown)}; say in completions/ what can stand there, '
           'or call them as others are called')
        missing = [o for o in options if not re.search(rf'^\.It Fl (. , )?{o[1:]}\b', page, re.M)]
        ok(f'\n.It Cm {verb}' in page and not missing, f'help: {verb}: is in pmpoolctl(1)', *missing)


def main():
    status, text = run('--help')
    names = verbs_of(text)
    ok(status == 0 and len(names) >= 12, 'help: there are verbs')
    helps = {verb: run(verb, '--help')[1] for verb in names}
    check_help(helps)

    extents = pathlib.Path('/sys/class/pmpool/cache').exists()
    if not extents:
        skip('names of extents', 'no namespace to put some into /sys/class/pmpool')
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        for name in ('one', 'two'):
            pathlib.Path(name).touch()
        for name, kind in (('bash', Bash), ('zsh', Zsh)):
            if not shutil.which(name):
                skip(f'{name}', f'there is no {name}')
                continue
            shell = kind()
            check_shell(name, shell, helps, extents)
            shell.close()
        os.chdir('/')
    print(f'1..{checks}')
    return 1 if failures else 0


if __name__ == '__main__':
    if sys.argv[1:] != ['--inside']:
        # With extents, where nobody else sees them: in a mount namespace.
        inside = ['unshare', '--map-root-user', '--mount', 'sh', '-c',
                  'mount -t tmpfs tmpfs /sys/class && mkdir -p '
                  + ' '.join(f'/sys/class/pmpool/{name}' for name in EXTENTS) + ' && exec "$@"',
                  'sh']
        if subprocess.run([*inside, 'true'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.execvp(inside[0], [*inside, sys.executable, __file__, '--inside'])
    sys.exit(main())
