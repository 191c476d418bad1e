import {useState} from 'preact/hooks';
import {api} from '../api';
import {useSay} from './context';
import {ActionDialog} from './dialog';
import type {ChosenFace} from './live_picture';
import {NameInput} from './name_input';

// Asks who a face of a video is, and enrols it.
export function NameFace({video, chosen, close}:
    {video: string, chosen: ChosenFace, close: () => void}) {
  const known = chosen.tracked.face?.person?.name ?? '';
  const [name, setName] = useState('');
  const say = useSay();
  return (
    <ActionDialog title="Who is this?" action="Save" close={close}
                  disabled={!name.trim()}
                  run={async () => {
                    await api.nameTrack(
                        video, chosen.tracked.track ?? 0, name.trim());
                    say(`Enrolled as ${name.trim()}`);
                  }}>
      <div class="with-picture">
        {chosen.picture && <img src={chosen.picture} alt="The face" />}
        <div>
          {known && <p class="note">Taken for {known} now.</p>}
          <NameInput label="Name" value={name} change={setName} />
        </div>
      </div>
    </ActionDialog>
  );
}
