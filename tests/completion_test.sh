#!/usr/bin/env bash
# completion_test.sh OCELLI SCRIPT: what the completion offers on a few lines.
set -euo pipefail
program=$1
# shellcheck source=tools/completion/ocelli.bash
source "$2"
failed=0

# offers LINE WORD...: completing LINE offers each WORD; !WORD: it does not.
offers() {
  local line=$1 word offered
  shift
  read -ra COMP_WORDS <<<"$line"
  [[ $line != *' ' ]] || COMP_WORDS+=('')
  COMP_WORDS[0]=$program
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _ocelli
  offered=" ${COMPREPLY[*]} "
  for word; do
    if [[ $word == !* && $offered == *" ${word#!} "* ]] ||
      [[ $word != !* && $offered != *" $word "* ]]; then
      echo "'$line' offers$offered: want $word"
      failed=1
    fi
  done
}

offers 'ocelli ' recognize people verify models cache eval demo
offers 'ocelli re' recognize '!people'
offers 'ocelli recognize --' --json --annotate --detector --data --help
offers 'ocelli recognize --mesh' --mesh '!--json'
offers 'ocelli recognize --detector blaze' blazeface-full '!sface'
offers 'ocelli --json people ' add import list merge remove
offers 'ocelli models ' list pull verify path
offers 'ocelli models pull ' sface blazeface-full facemesh-attention
offers 'ocelli recognize ' '!demo'
exit "$failed"
