# Completion of ocelli for bash. For this shell:
#   source tools/completion/ocelli.bash
# For every one: copy it to ~/.local/share/bash-completion/completions/ocelli
#
# It asks the program itself, so that it knows every command and flag there is.

# _ocelli_words SECTION PROGRAM [SUBCOMMAND...]: first words of that section of
# the help, with commas apart.
_ocelli_words() {
  local section=$1
  shift
  "$@" --help 2>/dev/null | awk -v section="$section:" '
    /^[^ ]/ { inside = $0 == section }
    /^  [^ ]/ && inside { gsub(",", "\n", $1); print $1 }'
}

_ocelli() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local chain=("${COMP_WORDS[0]}") candidates='' i
  # The commands on the line so far: "ocelli models pull".
  for ((i = 1; i < COMP_CWORD; i++)); do
    if _ocelli_words Subcommands "${chain[@]}" |
      grep -qxF -e "${COMP_WORDS[i]}"; then
      chain+=("${COMP_WORDS[i]}")
    fi
  done
  if [[ $word == -* ]]; then
    candidates=$(_ocelli_words Options "${chain[@]}"
      _ocelli_words Options "${chain[0]}")
  elif [[ "${chain[*]:1}" == models\ * || $before == --detector ]]; then
    candidates=$("${chain[0]}" models list 2>/dev/null | awk '{ print $1 }')
  else
    candidates=$(_ocelli_words Subcommands "${chain[@]}")
  fi
  # Nothing to offer means a file (see `complete` below).
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
}

complete -o default -o bashdefault -F _ocelli ocelli
