# Completion of ocelli for bash. For this shell:
#   source tools/completion/ocelli.bash
# For every one: copy it to ~/.local/share/bash-completion/completions/ocelli
#
# It asks the program itself, so that it knows every command and flag there is.

# _ocelli_commands PROGRAM [SUBCOMMAND...]: what may come next.
_ocelli_commands() {
  "$@" --help 2>/dev/null | awk '
    /^[^ ]/ { inside = $0 == "Subcommands:" }
    /^  [a-z]/ && inside { print $1 }'
}

# _ocelli_flags PROGRAM [SUBCOMMAND...]: every name of every flag.
_ocelli_flags() {
  "$@" --help 2>/dev/null | awk '/^  -/ { gsub(",", "\n", $1); print $1 }'
}

_ocelli() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local chain=("${COMP_WORDS[0]}") candidates i
  # The commands on the line so far: "ocelli models pull".
  for ((i = 1; i < COMP_CWORD; i++)); do
    if _ocelli_commands "${chain[@]}" | grep -qxF -e "${COMP_WORDS[i]}"; then
      chain+=("${COMP_WORDS[i]}")
    fi
  done
  if [[ $word == -* ]]; then
    candidates=$(_ocelli_flags "${chain[@]}"; _ocelli_flags "${chain[0]}")
  elif [[ ${chain[*]:1} == models\ ?* || $before == --detector ]]; then
    candidates=$("${chain[0]}" models list --json 2>/dev/null |
      sed -n 's/.*"name":"\([^"]*\)".*/\1/p')
  else
    candidates=$(_ocelli_commands "${chain[@]}")
  fi
  # Nothing to offer: file names, by the options of `complete`.
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
}

complete -o default -o bashdefault -F _ocelli ocelli
