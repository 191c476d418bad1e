import type {LiveVideo} from '../api';

const kWords: Record<string, string> = {
  starting: 'Starting',
  running: 'Live',
  waiting: 'Away',
  ended: 'Ended',
  failed: 'Failed',
};

export function VideoState({video}: {video: LiveVideo}) {
  const state = video.state ?? 'starting';
  return (
    <span class={`state state-${state in kWords ? state : 'starting'}`}>
      {kWords[state] ?? state}
    </span>
  );
}

// Why nothing new is to be seen; empty while all is well.
export function trouble(video: LiveVideo): string {
  switch (video.state) {
    case 'waiting':
      return `Waiting for the camera${video.error ? ': ' + video.error : ''}`;
    case 'failed':
      return `${video.error || 'It failed'}. It is tried again by itself.`;
    case 'ended':
      return 'The video is at its end; this was its last frame.';
    default:
      return video.error ?? '';
  }
}
